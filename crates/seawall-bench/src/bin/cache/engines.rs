//! Whoever is measured, behind one face: numbers to shared texts.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use foyer_memory::{Cache as Foyer, CacheBuilder as FoyerBuilder};
use moka::sync::Cache as Moka;
use quick_cache::sync::Cache as QuickCache;
use seawall_cache::Cache;
use tokio::runtime::Runtime;

/// What all of them hold.
pub(crate) type Text = Arc<str>;

/// How long everything is kept by those that know of time.
const HOUR: Duration = Duration::from_hours(1);

pub(crate) trait Engine: Clone + Send + Sync + 'static {
    fn get(&self, key: u64) -> Option<Text>;
    fn set(&self, key: u64, value: Text);
}

/// Ours: with expiry, jitter, statistics and everything else that is on by default.
pub(crate) fn seawall(runtime: &Runtime, capacity: u64) -> Cache<u64, Text> {
    // Where nobody can pause the clock, as in any server.
    let _entered = runtime.enter();
    Cache::builder("bench").capacity(capacity).build().expect("the config is valid")
}

pub(crate) fn quick_cache(capacity: u64) -> Arc<QuickCache<u64, Text>> {
    Arc::new(QuickCache::new(capacity as usize))
}

pub(crate) fn moka(capacity: u64) -> Moka<u64, Text> {
    Moka::new(capacity)
}

pub(crate) fn moka_with_ttl(capacity: u64) -> Moka<u64, Text> {
    Moka::builder().max_capacity(capacity).time_to_live(HOUR).build()
}

/// With the algorithm that does best of its four.
pub(crate) fn foyer(capacity: u64) -> Foyer<u64, Text> {
    FoyerBuilder::new(capacity as usize).with_eviction_config(foyer_memory::S3FifoConfig::default()).build()
}

impl Engine for Cache<u64, Text> {
    fn get(&self, key: u64) -> Option<Text> {
        Self::get(self, &key)
    }

    fn set(&self, key: u64, value: Text) {
        // What `.await` does. Without a second tier it never waits.
        let set = pin!(Self::set(self, key, value, HOUR)).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(set, Poll::Ready(Ok(()))));
    }
}

impl Engine for Arc<QuickCache<u64, Text>> {
    fn get(&self, key: u64) -> Option<Text> {
        QuickCache::get(self, &key)
    }

    fn set(&self, key: u64, value: Text) {
        self.insert(key, value);
    }
}

impl Engine for Moka<u64, Text> {
    fn get(&self, key: u64) -> Option<Text> {
        Self::get(self, &key)
    }

    fn set(&self, key: u64, value: Text) {
        self.insert(key, value);
    }
}

impl Engine for Foyer<u64, Text> {
    fn get(&self, key: u64) -> Option<Text> {
        Self::get(self, &key).map(|entry| Arc::clone(entry.value()))
    }

    fn set(&self, key: u64, value: Text) {
        self.insert(key, value);
    }
}
