use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache as QuickCache;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::stats::Counter;

/// The part of a shard for entries asked for more than once; the engine refuses an entry larger than it.
const HOT_PART: f64 = 0.97;

/// How much an entry weighs.
pub(crate) type Weigher<K, V> = Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;

/// The bounded memory that everything here stands on: entries by key and weight, evicted by S3-FIFO (J. Yang et al.,
/// "FIFO queues are all you need for cache eviction", 2023) as `quick_cache` does it. It knows nothing of time.
pub(crate) struct Engine<K, V> {
    inner: QuickCache<K, V, Weights<K, V>, DefaultHashBuilder, CountEvictions>,
    weights: Weights<K, V>,
    heaviest: u64,
    counts: Arc<Counts>,
}

/// How an [`Engine`] is bounded and divided.
pub(crate) struct Bounds {
    pub(crate) capacity: u64,
    /// What an entry weighs on average, give or take a factor of ten.
    pub(crate) usual_weight: u64,
    /// A power of two. The capacity is divided among the shards, and one entry must fit into one.
    pub(crate) shards: usize,
}

#[derive(Debug, Default)]
struct Counts {
    evictions: Counter,
    rejected: Counter,
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// Without a weigher, each entry weighs 1.
    pub(crate) fn new(bounds: &Bounds, weigher: Option<Weigher<K, V>>) -> Self {
        let usual = usize::try_from(bounds.capacity / bounds.usual_weight).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(bounds.shards)
            .hot_allocation(HOT_PART)
            .weight_capacity(bounds.capacity)
            .estimated_items_capacity(usual.clamp(16, 1 << 20))
            .build()
            .expect("both required options are set");
        let counts = Arc::new(Counts::default());
        let weights = Weights(weigher);
        let evictions = CountEvictions(Arc::clone(&counts));
        let inner =
            QuickCache::with_options(options, weights.clone(), DefaultHashBuilder::default(), evictions);
        let heaviest = (inner.shard_capacity() as f64 * HOT_PART) as u64;
        Self { inner, weights, heaviest, counts }
    }

    #[inline]
    pub(crate) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.inner.get(key)
    }

    /// Puts a value in place of what was under `key`. `false` says that it is too heavy to be kept at all; what was
    /// there is gone all the same.
    pub(crate) fn insert(&self, key: K, value: V) -> bool {
        let fits = self.weights.0.is_none() || self.weights.weight(&key, &value) <= self.heaviest;
        if fits {
            self.inner.insert(key, value);
        } else {
            self.counts.rejected.count();
            self.inner.remove(&key);
        }
        fits
    }

    /// What one entry may weigh at most.
    pub(crate) const fn heaviest(&self) -> u64 {
        self.heaviest
    }

    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.inner.remove(key).map(|(_, value)| value)
    }

    /// Takes out the value under `key` if `condition` holds of it, decided while nobody else can change it.
    pub(crate) fn remove_if<Q: Hash + Eq + ?Sized>(
        &self,
        key: &Q,
        condition: impl FnOnce(&V) -> bool,
    ) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.inner.remove_if(key, condition).map(|(_, value)| value)
    }

    pub(crate) fn clear(&self) {
        self.inner.clear();
    }

    pub(crate) fn entries(&self) -> u64 {
        self.inner.len() as u64
    }

    pub(crate) fn weight(&self) -> u64 {
        self.inner.weight()
    }

    /// How many were pushed out to make room.
    pub(crate) fn evictions(&self) -> u64 {
        self.counts.evictions.total()
    }

    /// How many were not kept because one alone was too heavy.
    pub(crate) fn rejected(&self) -> u64 {
        self.counts.rejected.total()
    }
}

struct Weights<K, V>(Option<Weigher<K, V>>);

impl<K, V> Clone for Weights<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Weighter<K, V> for Weights<K, V> {
    fn weight(&self, key: &K, value: &V) -> u64 {
        // The engine never evicts what weighs nothing.
        self.0.as_ref().map_or(1, |weigh| weigh(key, value).max(1))
    }
}

#[derive(Clone)]
struct CountEvictions(Arc<Counts>);

impl<K, V> Lifecycle<K, V> for CountEvictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        self.0.evictions.count();
    }
}
