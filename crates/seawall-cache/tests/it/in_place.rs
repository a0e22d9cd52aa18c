//! Sets that find something in their place time after time: the cache then takes a shorter way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_cache::{Cache, CacheConfig, Ttl};
use tokio::sync::oneshot;
use tokio::time::advance;

use crate::MINUTE;

/// A cache that knows a key 0, set so often that it expects to find whatever is set.
async fn settled<V: Clone + Send + Sync + 'static>(value: impl Fn() -> V) -> Cache<u64, V> {
    let config = CacheConfig { jitter: 0.0, ..Default::default() };
    let cache: Cache<u64, V> = Cache::builder("settled").config(&config).capacity(100).build().unwrap();
    for _ in 0..100 {
        cache.set(0, value(), MINUTE).await.unwrap();
    }
    cache
}

#[tokio::test(start_paused = true)]
async fn each_set_begins_a_new_time_to_live() {
    let cache = settled(|| 0).await;
    for number in 1..10 {
        advance(Duration::from_secs(59)).await;
        assert_eq!(cache.get(&0), Some(number - 1));
        cache.set(0, number, MINUTE).await.unwrap();
        assert_eq!(cache.get(&0), Some(number));
    }
    advance(MINUTE).await;
    assert_eq!(cache.get(&0), None);
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.evictions), (0, 0));
}

#[tokio::test]
async fn what_is_not_there_is_put_there() {
    let cache = settled(|| 0).await;
    for key in 1..100 {
        cache.set(key, key, MINUTE).await.unwrap();
        assert_eq!(cache.get(&key), Some(key));
    }
    assert!(cache.remove(&0).await.unwrap());
    cache.set(0, 7, MINUTE).await.unwrap();
    assert_eq!((cache.get(&0), cache.stats().entries), (Some(7), 100));
    cache.clear().await.unwrap();
    cache.set(0, 8, MINUTE).await.unwrap();
    assert_eq!((cache.get(&0), cache.stats().entries), (Some(8), 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_of_what_was_there_before_stays() {
    let cache = settled(|| 0).await;
    let terms = Ttl::fresh(MINUTE).stale(MINUTE).idle(Duration::from_secs(1)).tagged(["old"]);
    cache.set(0, 1, terms).await.unwrap();
    cache.set(0, 2, MINUTE).await.unwrap();
    cache.invalidate(["old"]).await.unwrap();
    advance(Duration::from_secs(59)).await;
    assert_eq!(cache.get(&0), Some(2), "neither its tag nor its idle time");
    advance(Duration::from_secs(1)).await;
    let loaded = cache.get_or_load(&0, MINUTE, || async { Ok(3) }).await.unwrap();
    assert_eq!(loaded, 3, "it is not served stale");
}

#[tokio::test(start_paused = true)]
async fn a_load_under_way_does_not_overwrite_what_was_set() {
    let cache = settled(|| 0).await;
    cache.set(0, 1, Ttl::fresh(MINUTE).stale(MINUTE)).await.unwrap();
    advance(MINUTE).await;
    let (started, has_started) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (done, is_done) = oneshot::channel();
    let loader = move || async move {
        started.send(()).unwrap();
        may_go_on.await.unwrap();
        done.send(()).unwrap();
        Ok(1)
    };
    assert_eq!(cache.get_or_load(&0, MINUTE, loader).await.unwrap(), 1, "the stale one, while it is renewed");
    has_started.await.unwrap();
    cache.set(0, 2, MINUTE).await.unwrap();
    go_on.send(()).unwrap();
    is_done.await.unwrap();
    // The load ends in one poll with its loader.
    tokio::task::yield_now().await;
    assert_eq!(cache.get(&0), Some(2));
}

/// A value that looks into its cache as it is dropped.
struct Nosy {
    cache: Arc<std::sync::OnceLock<Cache<u64, Arc<Self>>>>,
    looked: Arc<AtomicU32>,
}

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.get() {
            drop(cache.get(&0));
            self.looked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_value_that_is_replaced_may_look_into_the_cache() {
    let (cell, looked) = (Arc::default(), Arc::<AtomicU32>::default());
    let value = || Arc::new(Nosy { cache: Arc::clone(&cell), looked: Arc::clone(&looked) });
    let cache = settled(value).await;
    assert!(cell.set(cache.clone()).is_ok());
    for _ in 0..10 {
        cache.set(0, value(), MINUTE).await.unwrap();
    }
    assert_eq!(looked.load(Ordering::Relaxed), 10);
}
