use proptest::prelude::*;

use crate::{MINUTE, exact, of_capacity};

proptest! {
    #[test]
    fn the_weight_never_exceeds_the_capacity(sizes in prop::collection::vec(0..4000_usize, 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let cache = of_capacity(16 * 1024);
            for (key, size) in sizes.iter().enumerate() {
                cache.set(&key.to_string(), &"x".repeat(*size), MINUTE).await.unwrap();
                assert!(cache.stats().weight <= 16 * 1024);
            }
            let stats = cache.stats();
            assert_eq!(stats.entries + stats.evictions, sizes.len() as u64, "{stats:?}");
        });
    }
}

#[tokio::test]
async fn the_weight_is_that_of_key_value_and_bookkeeping() {
    let cache = exact();
    cache.set("key", "value", MINUTE).await.unwrap();
    let quotes = 2;
    assert_eq!(cache.stats().weight, (3 + 5 + quotes + 128) as u64);
}

#[tokio::test]
async fn a_value_too_large_is_not_kept_and_takes_its_outdated_predecessor_along() {
    let cache = of_capacity(10_000);
    cache.set("a", "small", MINUTE).await.unwrap();
    cache.set("a", &"x".repeat(20_000), MINUTE).await.unwrap();
    assert_eq!(cache.get::<String>("a").await.unwrap(), None);
    let stats = cache.stats();
    assert_eq!((stats.rejected, stats.evictions, stats.entries), (1, 0, 0));
}

#[tokio::test]
async fn a_loaded_value_too_large_is_returned_all_the_same() {
    let cache = of_capacity(10_000);
    let large = "x".repeat(20_000);
    let copy = large.clone();
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(copy) }).await.unwrap(), large);
    assert_eq!(cache.stats().rejected, 1);
}

#[tokio::test]
async fn entries_asked_for_often_survive_a_scan() {
    let cache = of_capacity(64 * 1024);
    for _ in 0..3 {
        for key in 0..20 {
            cache.get_or_load(&format!("hot:{key}"), MINUTE, move || async move { Ok(key) }).await.unwrap();
        }
    }
    for key in 0..2000 {
        cache.set(&format!("once:{key}"), &"x".repeat(100), MINUTE).await.unwrap();
    }
    let mut kept = 0;
    for key in 0..20 {
        kept += u32::from(cache.get::<u32>(&format!("hot:{key}")).await.unwrap().is_some());
    }
    assert!(kept >= 15, "{kept} of 20");
}
