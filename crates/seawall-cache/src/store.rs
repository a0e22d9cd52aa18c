use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache as Engine;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use tokio::time::Instant;

use crate::stats::Counters;

/// What an entry costs besides its key and value: the engine's slot, two instants, two reference counts.
const OVERHEAD: u64 = 128;

/// The engine gives every shard its equal part of the capacity, and one entry must fit into one shard.
/// So a shard is never made smaller than this, whatever the number of processors.
const SMALLEST_SHARD: u64 = 8 * 1024 * 1024;
const MOST_SHARDS: u64 = 64;

/// The part of a shard for entries asked for more than once; the engine refuses an entry larger than it.
const HOT_PART: f64 = 0.97;

/// The entries and their expiry. The engine knows nothing of time: an expired entry is found out when it is
/// asked for, or evicted like any other that nobody asks for, so there is no background work.
pub(crate) struct Store {
    engine: Engine<Arc<str>, Entry, ByBytes, DefaultHashBuilder, CountEvictions>,
    counters: Arc<Counters>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    pub(crate) fresh_until: Instant,
    pub(crate) stale_until: Instant,
}

pub(crate) enum Found {
    Fresh(Bytes),
    Stale(Bytes),
    Missing,
}

impl Store {
    pub(crate) fn new(capacity: u64, counters: Arc<Counters>) -> Self {
        // Rounded down to a power of two: the engine rounds up, which would make the shards smaller than
        // intended.
        let shards = 1_usize << (capacity / SMALLEST_SHARD).clamp(1, MOST_SHARDS).ilog2();
        let options = OptionsBuilder::new()
            .shards(shards)
            .hot_allocation(HOT_PART)
            .weight_capacity(capacity)
            .estimated_items_capacity(
                usize::try_from(capacity / 1024).unwrap_or(usize::MAX).clamp(16, 1 << 20),
            )
            .build()
            .expect("both required options are set");
        let evictions = CountEvictions(Arc::clone(&counters));
        Self {
            engine: Engine::with_options(options, ByBytes, DefaultHashBuilder::default(), evictions),
            counters,
        }
    }

    pub(crate) fn find(&self, key: &str, now: Instant) -> Found {
        match self.engine.get(key) {
            Some(entry) if now < entry.fresh_until => Found::Fresh(entry.value),
            Some(entry) if now < entry.stale_until => Found::Stale(entry.value),
            Some(_) => {
                // Asked again under the lock: another caller may have renewed it since.
                self.engine.remove_if(key, |entry| entry.stale_until <= now);
                Found::Missing
            }
            None => Found::Missing,
        }
    }

    pub(crate) fn insert(&self, key: Arc<str>, entry: Entry) {
        let largest = (self.engine.shard_capacity() as f64 * HOT_PART) as u64;
        if ByBytes.weight(&key, &entry) > largest {
            self.counters.rejected.count();
            // What was there before is outdated all the same.
            self.engine.remove(&key);
        } else {
            self.engine.insert(key, entry);
        }
    }

    pub(crate) fn remove(&self, key: &str) -> Option<Entry> {
        self.engine.remove(key).map(|(_, entry)| entry)
    }

    pub(crate) fn clear(&self) {
        self.engine.clear();
    }

    pub(crate) fn entries(&self) -> u64 {
        self.engine.len() as u64
    }

    pub(crate) fn weight(&self) -> u64 {
        self.engine.weight()
    }
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Arc<str>, Entry> for ByBytes {
    fn weight(&self, key: &Arc<str>, entry: &Entry) -> u64 {
        key.len() as u64 + entry.value.len() as u64 + OVERHEAD
    }
}

#[derive(Clone)]
struct CountEvictions(Arc<Counters>);

impl Lifecycle<Arc<str>, Entry> for CountEvictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Arc<str>, _: Entry) {
        self.0.evictions.count();
    }
}
