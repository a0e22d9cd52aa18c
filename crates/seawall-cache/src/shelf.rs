use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::engine::{Bounds, Engine, Leaving};

/// What an entry costs besides its key and value: the engine's slot and reference counts.
pub(crate) const OVERHEAD: u64 = 128;

/// The engine gives every shard its equal part of the capacity, and one entry must fit into one shard.
/// So a shard is never made smaller than this, whatever the number of processors.
const SMALLEST_SHARD: u64 = 8 * 1024 * 1024;
const MOST_SHARDS: u64 = 64;

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
pub struct Shelf<V>(Engine<Arc<str>, V>);

impl<V: Weigh + Clone> Shelf<V> {
    /// An empty shelf whose keys, values and 128 bytes of bookkeeping each weigh at most `capacity` together.
    pub fn new(capacity: NonZeroU64) -> Self {
        let weigher = |key: &Arc<str>, value: &V| key.len() as u64 + value.weight() + OVERHEAD;
        Self(Engine::new(&in_bytes(capacity), Some(Arc::new(weigher))))
    }

    /// The value under `key`.
    pub fn find(&self, key: &str) -> Option<V> {
        self.0.find(key)
    }

    /// Puts a value in place of what was under `key`. `false` says that it is too heavy to be kept at all; what was
    /// there is gone all the same.
    pub fn insert(&self, key: Arc<str>, value: V) -> bool {
        self.0.insert(key, value, &mut Leaving::default())
    }

    /// What one key and its value may weigh at most. It is less than the capacity, which is kept in parts.
    pub fn heaviest(&self) -> u64 {
        self.0.heaviest().saturating_sub(OVERHEAD)
    }

    /// Takes out the value under `key`.
    pub fn remove(&self, key: &str) -> Option<V> {
        self.0.remove(key)
    }

    /// Takes out the value under `key` if `condition` holds of it, decided while nobody else can change it.
    pub fn remove_if(&self, key: &str, condition: impl FnOnce(&V) -> bool) -> Option<V> {
        self.0.remove_if(key, condition)
    }

    /// Takes out everything.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// How many values it holds.
    pub fn entries(&self) -> u64 {
        self.0.entries()
    }

    /// What they weigh, in bytes.
    pub fn weight(&self) -> u64 {
        self.0.weight()
    }

    /// How many were pushed out to make room.
    pub fn evictions(&self) -> u64 {
        self.0.evictions()
    }

    /// How many were not kept because one alone was too heavy.
    pub fn rejected(&self) -> u64 {
        self.0.rejected()
    }
}

/// The bounds of a memory whose capacity is in bytes.
pub(crate) fn in_bytes(capacity: NonZeroU64) -> Bounds {
    Bounds::divided(capacity.get(), 1024, SMALLEST_SHARD, MOST_SHARDS)
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
