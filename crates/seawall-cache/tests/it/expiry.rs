use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_cache::{Cache, CacheConfig, Ttl};
use seawall_core::{Error, FailureKind};
use tokio::time::{Instant, advance};

use crate::{MINUTE, exact};

#[tokio::test(start_paused = true)]
async fn an_entry_is_gone_when_its_time_to_live_is_over() {
    let cache = exact();
    cache.set("a", &1, MINUTE).await.unwrap();
    advance(MINUTE.checked_sub(Duration::from_millis(1)).unwrap()).await;
    assert_eq!(cache.get::<u8>("a").await.unwrap(), Some(1));
    advance(Duration::from_millis(1)).await;
    assert_eq!(cache.get::<u8>("a").await.unwrap(), None);
    assert_eq!(cache.stats().entries, 0, "an expired entry that is asked for is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_of_zero_keeps_nothing_and_one_without_end_does_no_harm() {
    let cache = exact();
    cache.set("never", &1, Duration::ZERO).await.unwrap();
    assert_eq!(cache.get::<u8>("never").await.unwrap(), None);
    cache.set("ever", &1, Ttl::fresh(Duration::MAX).stale(Duration::MAX)).await.unwrap();
    assert_eq!(cache.get::<u8>("ever").await.unwrap(), Some(1));
}

/// How long entries set with a minute's time to live live, to the second.
async fn lifetimes(seed: u64) -> Vec<u64> {
    let cache = Cache::new(&CacheConfig { seed: Some(seed), ..CacheConfig::default() }).unwrap();
    let begin = Instant::now();
    for key in 0..200 {
        cache.set(&key.to_string(), &key, MINUTE).await.unwrap();
    }
    let mut lives = vec![0; 200];
    while begin.elapsed() < MINUTE * 2 {
        for (key, life) in lives.iter_mut().enumerate() {
            if cache.get::<usize>(&key.to_string()).await.unwrap().is_some() {
                *life = begin.elapsed().as_secs();
            }
        }
        advance(Duration::from_secs(1)).await;
    }
    lives
}

#[tokio::test(start_paused = true)]
async fn times_to_live_are_spread_by_a_tenth_and_repeat_from_the_seed() {
    let lives = lifetimes(7).await;
    assert!(lives.iter().all(|life| (53..=66).contains(life)), "{lives:?}");
    assert!(lives.iter().collect::<BTreeSet<_>>().len() >= 10, "{lives:?}");
    assert_eq!(lives, lifetimes(7).await);
    assert_ne!(lives, lifetimes(8).await);
}

#[tokio::test(start_paused = true)]
async fn a_stale_entry_is_served_at_once_and_renewed_by_one_load() {
    let cache = exact();
    let ttl = Ttl::fresh(MINUTE).stale(MINUTE);
    cache.set("a", &1, ttl).await.unwrap();
    advance(MINUTE).await;

    let loads = Arc::new(AtomicU32::new(0));
    for _ in 0..10 {
        let loads = Arc::clone(&loads);
        let value = cache.get_or_load("a", ttl, move || async move {
            loads.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(2)
        });
        assert_eq!(value.await.unwrap(), 1);
    }
    assert_eq!(cache.get::<i32>("a").await.unwrap(), None, "`get` has no loader, so it serves nothing stale");

    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(cache.get("a").await.unwrap(), Some(2));
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!((cache.stats().stale_hits, cache.stats().loads), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stale_entry_outlives_failing_loads_until_its_stale_time_is_over() {
    let cache = exact();
    let ttl = Ttl::fresh(MINUTE).stale(MINUTE);
    cache.set("a", &1, ttl).await.unwrap();
    let down = || async { Err::<i32, _>(Error::new(FailureKind::Transient, "sql", "users")) };

    for _ in 0..5 {
        advance(MINUTE / 5).await;
        assert_eq!(cache.get_or_load("a", ttl, down).await.unwrap(), 1);
    }
    for _ in 0..4 {
        advance(MINUTE / 5).await;
        assert_eq!(cache.get_or_load("a", ttl, down).await.unwrap(), 1);
        // Lets the renewal run and fail.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    advance(MINUTE / 5).await;
    assert_eq!(cache.get_or_load("a", ttl, down).await.unwrap_err().kind(), FailureKind::Transient);
    assert!(cache.stats().load_failures >= 4);
}
