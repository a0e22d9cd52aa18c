use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use quick_cache::sync::{Cache as QuickCache, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use crate::stats::{Counter, Lanes};

/// The part of a shard for entries asked for more than once; the engine refuses an entry larger than it.
const HOT_PART: f64 = 0.97;
/// How many keys of what was pushed out are remembered, for each entry. Fewer are better where the same keys stay popular, more
/// where others become so; with a little less than the engine's half, small shards do as well as large ones with that.
const GHOSTS: f64 = 0.48;
/// When so many insertions in a row have found something in their place, the next will too. To be wrong once costs as much as
/// to be right eight times saves.
const STREAK: u32 = 16;

/// How much an entry weighs.
pub(crate) type Weigher<K, V> = Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;

/// The bounded memory that everything here stands on: entries by key and weight, evicted by S3-FIFO (J. Yang et al.,
/// "FIFO queues are all you need for cache eviction", 2023) as `quick_cache` does it. It knows nothing of time.
pub(crate) struct Engine<K, V> {
    inner: QuickCache<K, V, Weights<K, V>, DefaultHashBuilder, Farewell>,
    weights: Weights<K, V>,
    heaviest: u64,
    /// How many insertions in a row have found something in their place, about, and up to [`STREAK`].
    replaced: AtomicU32,
    evictions: Lanes<Counter>,
    rejected: Counter,
}

/// How an [`Engine`] is bounded and divided.
pub(crate) struct Bounds {
    pub(crate) capacity: u64,
    /// What an entry weighs on average, give or take a factor of ten.
    pub(crate) usual_weight: u64,
    /// A power of two. The capacity is divided among the shards, and one entry must fit into one.
    pub(crate) shards: usize,
}

impl Bounds {
    /// Divided into as many shards of at least `smallest` as there is room for, and `most` at most.
    pub(crate) fn divided(capacity: u64, usual_weight: u64, smallest: u64, most: u64) -> Self {
        // Rounded down to a power of two: the engine rounds up, which would make the shards smaller than intended.
        let shards = 1 << (capacity / smallest).clamp(1, most).ilog2();
        Self { capacity, usual_weight, shards }
    }
}

impl<K: Hash + Eq, V: Clone> Engine<K, V> {
    /// Without a weigher, each entry weighs 1.
    pub(crate) fn new(bounds: &Bounds, weigher: Option<Weigher<K, V>>) -> Self {
        let usual = usize::try_from(bounds.capacity / bounds.usual_weight).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(bounds.shards)
            .hot_allocation(HOT_PART)
            .ghost_allocation(GHOSTS)
            .weight_capacity(bounds.capacity)
            .estimated_items_capacity(usual.clamp(16, 1 << 20))
            .build()
            .expect("both required options are set");
        let weights = Weights(weigher);
        let inner =
            QuickCache::with_options(options, weights.clone(), DefaultHashBuilder::default(), Farewell);
        let heaviest = (inner.shard_capacity() as f64 * HOT_PART) as u64;
        Self {
            inner,
            weights,
            heaviest,
            replaced: AtomicU32::new(0),
            evictions: Lanes::default(),
            rejected: Counter::default(),
        }
    }

    #[inline]
    pub(crate) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.inner.get(key)
    }

    /// Puts a value in place of what was under `key`. `false` says that it is too heavy to be kept at all; what was
    /// there is gone all the same. What goes is `leaving`, to be dropped by a caller who holds no lock.
    #[inline]
    pub(crate) fn insert(&self, key: K, value: V, leaving: &mut Leaving<K, V>) -> bool {
        if self.weights.0.is_some() && self.weights.weight(&key, &value) > self.heaviest {
            self.rejected.count();
            leaving.first = self.inner.remove(&key);
            leaving.others.push((key, value));
            return false;
        }
        self.inner.insert_with_lifecycle(key, value, leaving);
        if leaving.evicted > 0 {
            self.evictions.add(|lane| lane, leaving.evicted);
        }
        let has_replaced = leaving.first.is_some() && leaving.evicted == 0;
        let streak = self.replaced.load(Relaxed);
        let longer = if has_replaced { STREAK.min(streak + 1) } else { 0 };
        // Written seldom, for all threads read it.
        if longer != streak {
            self.replaced.store(longer, Relaxed);
        }
        true
    }

    /// Changes the value under `key` where it is, which costs half of an [`insert`](Self::insert), and says whether it did: not
    /// if there is none or `change` says no. It is not even tried while insertions find nothing in their place, because it is
    /// dear then, nor where values differ in weight. `change` runs under the shard's lock.
    #[inline]
    pub(crate) fn change(&self, key: &K, change: impl FnOnce(&mut V) -> bool) -> bool
    where
        K: Clone,
    {
        if self.weights.0.is_some() || self.replaced.load(Relaxed) < STREAK {
            return false;
        }
        // For what is not there the engine keeps a place, which is given up at once: nobody is to wait for it.
        match self.inner.entry(key, Some(Duration::ZERO), |_, value| EntryAction::Retain(change(value))) {
            EntryResult::Retained(is_changed) => is_changed,
            _ => false,
        }
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

    /// Takes out everything that is there when this is called, one by one, so that each is dropped without a lock.
    pub(crate) fn clear(&self) {
        self.inner.drain().for_each(drop);
    }

    /// Looks at the value under `key` as it is kept, not at a copy. Nobody can change it meanwhile, and the look does not
    /// count as one.
    pub(crate) fn look<Q: Hash + Eq + ?Sized, T>(&self, key: &Q, look: impl FnOnce(&V) -> T) -> Option<T>
    where
        K: Borrow<Q>,
    {
        let mut seen = None;
        self.inner.remove_if(key, |value| {
            seen = Some(look(value));
            false
        });
        seen
    }

    pub(crate) fn entries(&self) -> u64 {
        self.inner.len() as u64
    }

    pub(crate) fn weight(&self) -> u64 {
        self.inner.weight()
    }

    /// How many were pushed out to make room.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.sum(|lane| lane)
    }

    /// How many were not kept because one alone was too heavy.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.total()
    }
}

struct Weights<K, V>(Option<Weigher<K, V>>);

impl<K, V> Clone for Weights<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Weighter<K, V> for Weights<K, V> {
    #[inline]
    fn weight(&self, key: &K, value: &V) -> u64 {
        // The engine never evicts what weighs nothing.
        self.0.as_ref().map_or(1, |weigh| weigh(key, value).max(1))
    }
}

/// Takes what an insertion pushes out or replaces, to be dropped when the shard is not locked any more: that can take
/// long, and may look into the cache.
///
/// It is aligned as it is because shards, whose part it is, are then as well, and the lock of each has cache lines of its own:
/// every look-up writes the lock, and would take from other threads what they read of a neighbour.
#[derive(Clone)]
#[repr(align(128))]
struct Farewell;

/// What leaves by one insertion.
pub(crate) struct Leaving<K, V> {
    evicted: u64,
    first: Option<(K, V)>,
    /// Mostly there are none.
    others: Vec<(K, V)>,
}

impl<K, V> Default for Leaving<K, V> {
    #[inline]
    fn default() -> Self {
        Self { evicted: 0, first: None, others: Vec::new() }
    }
}

impl<K, V> Lifecycle<K, V> for Farewell {
    type RequestState = Leaving<K, V>;

    #[inline]
    fn before_evict(&self, leaving: &mut Leaving<K, V>, _: &K, _: &mut V) {
        leaving.evicted += 1;
    }

    /// Called for what is replaced too, which is no eviction.
    #[inline]
    fn on_evict(&self, leaving: &mut Leaving<K, V>, key: K, value: V) {
        if leaving.first.is_none() {
            leaving.first = Some((key, value));
        } else {
            leaving.also(key, value);
        }
    }
}

impl<K, V> Leaving<K, V> {
    #[cold]
    #[inline(never)]
    fn also(&mut self, key: K, value: V) {
        self.others.push((key, value));
    }
}
