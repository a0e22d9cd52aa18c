use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use quick_cache::sync::Cache as Engine;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::stats::Counter;

/// What an entry costs besides its key and value: the engine's slot and reference counts.
const OVERHEAD: u64 = 128;

/// The engine gives every shard its equal part of the capacity, and one entry must fit into one shard.
/// So a shard is never made smaller than this, whatever the number of processors.
const SMALLEST_SHARD: u64 = 8 * 1024 * 1024;
const MOST_SHARDS: u64 = 64;

/// The part of a shard for entries asked for more than once; the engine refuses an entry larger than it.
const HOT_PART: f64 = 0.97;

/// How many bytes a value holds, for a [`Shelf`] to be bounded by.
pub trait Weigh {
    /// The bytes, all of those that live as long as the value. Must not change while the value is on a shelf.
    fn weight(&self) -> u64;
}

/// Values by key, bounded in bytes, with scan-resistant eviction and nothing else: no expiry, no loading.
///
/// It is what a [`Cache`](crate::Cache) stands on, for those who have rules of their own and keep decoded values, which
/// a look-up clones: put large ones into an [`Arc`].
///
/// ```
/// use std::sync::Arc;
/// use seawall_cache::{Shelf, Weigh};
///
/// struct Page(Vec<u8>);
/// impl Weigh for Page {
///     fn weight(&self) -> u64 {
///         self.0.len() as u64
///     }
/// }
///
/// let shelf = Shelf::new(1_000_000.try_into().unwrap());
/// assert!(shelf.insert("a".into(), Arc::new(Page(vec![0; 1000]))));
/// assert_eq!(shelf.find("a").unwrap().0.len(), 1000);
/// assert!(!shelf.insert("a".into(), Arc::new(Page(vec![0; 2_000_000]))), "it would not fit");
/// assert!(shelf.find("a").is_none(), "what was there is outdated all the same");
/// ```
pub struct Shelf<V> {
    engine: Engine<Arc<str>, V, ByBytes, DefaultHashBuilder, CountEvictions>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    evictions: Counter,
    rejected: Counter,
}

impl<V: Weigh + Clone> Shelf<V> {
    /// An empty shelf whose keys, values and 128 bytes of bookkeeping each weigh at most `capacity` together.
    #[expect(clippy::missing_panics_doc, reason = "both required options of the engine are set")]
    pub fn new(capacity: NonZeroU64) -> Self {
        let capacity = capacity.get();
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
        let counts = Arc::new(Counts::default());
        let evictions = CountEvictions(Arc::clone(&counts));
        Self {
            engine: Engine::with_options(options, ByBytes, DefaultHashBuilder::default(), evictions),
            counts,
        }
    }

    /// The value under `key`.
    pub fn find(&self, key: &str) -> Option<V> {
        self.engine.get(key)
    }

    /// Puts a value in place of what was under `key`. `false` says that it is too heavy to be kept at all; what was
    /// there is gone all the same.
    pub fn insert(&self, key: Arc<str>, value: V) -> bool {
        let fits = key.len() as u64 + value.weight() <= self.heaviest();
        if fits {
            self.engine.insert(key, value);
        } else {
            self.counts.rejected.count();
            self.engine.remove(&key);
        }
        fits
    }

    /// What one key and its value may weigh at most. It is less than the capacity, which is kept in parts.
    pub fn heaviest(&self) -> u64 {
        ((self.engine.shard_capacity() as f64 * HOT_PART) as u64).saturating_sub(OVERHEAD)
    }

    /// Takes out the value under `key`.
    pub fn remove(&self, key: &str) -> Option<V> {
        self.engine.remove(key).map(|(_, value)| value)
    }

    /// Takes out the value under `key` if `condition` holds of it, decided while nobody else can change it.
    pub fn remove_if(&self, key: &str, condition: impl FnOnce(&V) -> bool) -> Option<V> {
        self.engine.remove_if(key, condition).map(|(_, value)| value)
    }

    /// Takes out everything.
    pub fn clear(&self) {
        self.engine.clear();
    }

    /// How many values it holds.
    pub fn entries(&self) -> u64 {
        self.engine.len() as u64
    }

    /// What they weigh, in bytes.
    pub fn weight(&self) -> u64 {
        self.engine.weight()
    }

    /// How many were pushed out to make room.
    pub fn evictions(&self) -> u64 {
        self.counts.evictions.total()
    }

    /// How many were not kept because one alone was too heavy.
    pub fn rejected(&self) -> u64 {
        self.counts.rejected.total()
    }
}

impl<V: Weigh> Weigh for Arc<V> {
    fn weight(&self) -> u64 {
        V::weight(self)
    }
}

impl<V: Weigh + Clone> fmt::Debug for Shelf<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the entries: they may hold anything.
        f.debug_struct("Shelf")
            .field("entries", &self.entries())
            .field("weight", &self.weight())
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct ByBytes;

impl<V: Weigh> Weighter<Arc<str>, V> for ByBytes {
    fn weight(&self, key: &Arc<str>, value: &V) -> u64 {
        key.len() as u64 + value.weight() + OVERHEAD
    }
}

#[derive(Clone)]
struct CountEvictions(Arc<Counts>);

impl<V> Lifecycle<Arc<str>, V> for CountEvictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Arc<str>, _: V) {
        self.0.evictions.count();
    }
}
