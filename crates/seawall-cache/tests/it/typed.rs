use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_cache::{Cache, Ttl};
use seawall_core::{Error, FailureKind};
use tokio::time::{advance, sleep};

use crate::MINUTE;

fn numbers(capacity: u64) -> Cache<u64, Arc<str>> {
    let config = seawall_cache::CacheConfig { jitter: 0.0, ..Default::default() };
    Cache::builder("numbers").config(&config).capacity(capacity).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_value_of_its_own_type_is_handed_out_as_it_is() {
    let cache = numbers(100);
    let one: Arc<str> = "one".into();
    cache.set(1, Arc::clone(&one), MINUTE).await.unwrap();
    assert!(Arc::ptr_eq(&cache.get(&1).unwrap(), &one), "not a copy");
    assert!(Arc::ptr_eq(&cache.fetch(&1).await.unwrap().unwrap(), &one));
    let loaded = cache.get_or_load(&1, MINUTE, || async { panic!("must not run") }).await.unwrap();
    assert!(Arc::ptr_eq(&loaded, &one));
    advance(MINUTE).await;
    assert_eq!((cache.get(&1), cache.fetch(&1).await.unwrap()), (None, None));
}

#[tokio::test]
async fn values_need_no_serde_and_keys_are_looked_up_borrowed() {
    struct Opaque(u32);
    let cache: Cache<String, Arc<Opaque>> = Cache::builder("opaque").build().unwrap();
    let value = cache.get_or_load("a", MINUTE, || async { Ok(Arc::new(Opaque(7))) }).await.unwrap();
    assert_eq!(value.0, 7);
    assert_eq!(cache.get("a").unwrap().0, 7);
    assert!(cache.remove("a").await.unwrap());
    assert!(cache.get("a").is_none());
}

#[tokio::test]
async fn it_holds_as_many_entries_as_it_may() {
    let cache = numbers(1000);
    for key in 0..5000 {
        cache.set(key, "x".into(), MINUTE).await.unwrap();
        assert!(cache.stats().entries <= 1000);
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.weight), (1000, 1000));
    assert_eq!(stats.evictions, 4000);
}

#[tokio::test]
async fn it_holds_as_much_weight_as_it_may_and_nothing_weighs_nothing() {
    let cache: Cache<u64, Arc<str>> = Cache::builder("texts")
        .capacity(1000)
        .weigher(|_, text: &Arc<str>| text.len() as u64)
        .build()
        .unwrap();
    for key in 0..500 {
        cache.set(key, "x".repeat((key % 20) as usize).into(), MINUTE).await.unwrap();
        assert!(cache.stats().weight <= 1000);
    }
    for key in 0..5000 {
        cache.set(key, "".into(), MINUTE).await.unwrap();
    }
    assert!(cache.stats().entries <= 1000, "{:?}", cache.stats());
    cache.set(1, "x".repeat(2000).into(), MINUTE).await.unwrap();
    assert_eq!((cache.get(&1), cache.stats().rejected), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn errors_show_the_name_of_the_cache_and_no_key() {
    let cache: Cache<String, u8> = Cache::builder("tokens").build().unwrap();
    let failing = || async { Err(Error::new(FailureKind::Transient, "sql", "tokens")) };
    let error = cache.get_or_load("s3cret", MINUTE, failing).await.unwrap_err();
    assert_eq!((error.layer(), error.name()), ("cache", "tokens"));
    assert!(!format!("{error:?} {error} {cache:?}").contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_while_it_is_stale() {
    let cache = numbers(100);
    let ttl = Ttl::fresh(MINUTE).stale(MINUTE);
    cache.set(1, "old".into(), ttl).await.unwrap();
    advance(MINUTE).await;
    assert_eq!(&*cache.get_or_load(&1, ttl, || async { Ok("new".into()) }).await.unwrap(), "old");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(&*cache.get(&1).unwrap(), "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_by_the_coarse_clock_too() {
    let cache = numbers(100);
    cache.set(1, "one".into(), Duration::from_hours(1)).await.unwrap();
    assert_eq!(&*cache.get(&1).unwrap(), "one");
    cache.set(2, "two".into(), Duration::from_millis(20)).await.unwrap();
    // As long as it takes: no promise of a busy machine is relied on.
    while cache.get(&2).is_some() {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(&*cache.get(&1).unwrap(), "one");
}

#[tokio::test]
async fn what_is_replaced_is_not_counted_as_evicted() {
    let cache = numbers(100);
    for round in 0..1000 {
        cache.set(round % 10, "again".into(), MINUTE).await.unwrap();
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.evictions), (10, 0));
}

#[tokio::test]
async fn memory_has_a_value_before_its_setting_is_awaited() {
    let cache = numbers(100);
    let setting = cache.set(1, "one".into(), MINUTE);
    assert_eq!(&*cache.get(&1).unwrap(), "one");
    setting.await.unwrap();
}

/// A value that looks into its cache as it is dropped.
#[derive(Clone)]
#[expect(dead_code, reason = "only how it is dropped matters")]
struct Nosy(Arc<Last>);

struct Last {
    cache: Cache<u64, Nosy>,
    looked: Arc<AtomicU32>,
}

impl Drop for Last {
    fn drop(&mut self) {
        for key in 0..4 {
            drop(self.cache.get(&key));
        }
        self.looked.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn values_may_look_into_the_cache_as_they_are_replaced_and_pushed_out() {
    let weigh = |key: &u64, _: &Nosy| if *key == 100 { 900 } else { 100 };
    let cache: Cache<u64, Nosy> = Cache::builder("nosy").capacity(1000).weigher(weigh).build().unwrap();
    let looked = Arc::new(AtomicU32::new(0));
    let value = || Nosy(Arc::new(Last { cache: cache.clone(), looked: Arc::clone(&looked) }));
    for key in [0, 1, 2, 3, 0] {
        cache.set(key, value(), MINUTE).await.unwrap();
    }
    assert_eq!(looked.load(Ordering::Relaxed), 1, "the one replaced");
    // It needs the place of several at once.
    cache.set(100, value(), MINUTE).await.unwrap();
    assert_eq!(cache.stats().evictions, 3);
    assert_eq!(looked.load(Ordering::Relaxed), 4);
}
