use std::fmt;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::DefaultHashBuilder;
use shard::{Shard, Slot};

mod shard;

/// How many values an insertion looks at, at most, for one to forget.
const LOOKS: usize = 256;

/// A registry is parted once its parts hold so many values each: below, the order of use is that of all values.
const SHARE: usize = 64;

/// More would not help: calls of two names meet in one part of sixteen seldom enough.
const MOST_SHARDS: usize = 16;

/// Values by name, such as the circuits of many hosts: bounded in number, and made when first asked for.
///
/// When it is full, a value not asked for in a long time makes room, of those that nobody holds and that may be
/// forgotten. When there is none (a thousand hosts, all with open circuits), a new name gets a value that is not kept:
/// memory stays bounded, and no open circuit is forgotten.
///
/// ```
/// use std::num::NonZeroUsize;
/// use seawall_tower::Registry;
///
/// let registry = Registry::new(NonZeroUsize::new(2).unwrap(), |open: &bool| !open);
/// registry.entry("a", || true);
/// registry.entry("b", || false);
/// registry.entry("c", || false);
/// let kept: Vec<_> = registry.entries().into_iter().map(|(name, _)| name.to_string()).collect();
/// assert_eq!(kept, ["a", "c"]);
/// ```
///
/// # Cost
/// A look-up takes a lock that other look-ups share, and touches three places in memory: its slot, the name and the
/// value's count. Making room looks at sixteen values in turn and forgets the one among them that was not asked for the
/// longest, so up to sixteen values the order is exact, and beyond them it is close to it (Psounis and Prabhakar, *A
/// randomized web-cache replacement scheme*, 2001; Redis evicts so). If none of the sixteen may be forgotten it looks
/// further, at 256 in all, and the next insertion goes on where it stopped. Names are hashed with a seed of each
/// registry, so nobody outside can choose names that collide.
pub struct Registry<V> {
    capacity: AtomicUsize,
    may_forget: fn(&V) -> bool,
    hasher: DefaultHashBuilder,
    /// How many are kept in all shards, or are about to be.
    kept: AtomicUsize,
    shards: Box<[Padded<V>]>,
}

/// A lock on a cache line of its own, so that threads in different shards do not meet.
#[repr(align(128))]
struct Padded<V>(RwLock<Shard<V>>);

impl<V> Registry<V> {
    /// Keeps at most `capacity` values, and forgets only those of which `may_forget` says so. `may_forget` runs with a
    /// part of the registry locked: it must not ask it.
    pub fn new(capacity: NonZeroUsize, may_forget: fn(&V) -> bool) -> Self {
        let capacity = capacity.get();
        let shards = (capacity / SHARE).next_power_of_two().min(MOST_SHARDS);
        Self {
            capacity: AtomicUsize::new(capacity),
            may_forget,
            hasher: DefaultHashBuilder::default(),
            kept: AtomicUsize::new(0),
            shards: (0..shards).map(|_| Padded(RwLock::new(Shard::new()))).collect(),
        }
    }

    /// The value of this name, made if there is none. While anybody holds it, it stays the value of this name, if it
    /// was kept.
    ///
    /// `make` runs with nothing locked. When two ask for a new name at the same time both make a value, and one of them
    /// is dropped again.
    pub fn entry(&self, name: &str, make: impl FnOnce() -> V) -> Arc<V> {
        let hash = self.hasher.hash_one(name);
        let index = self.shard_of(hash);
        if let Some(value) = self.read(index).find(hash, name) {
            return value;
        }
        self.keep(index, hash, name, Arc::new(make()))
    }

    /// Keeps at most `capacity` values from here on. Of those that are too many it forgets what may be forgotten; the
    /// others stay on top until it is resized again, and new names take the places of those that may be forgotten.
    pub fn resize(&self, capacity: NonZeroUsize) {
        self.capacity.store(capacity.get(), Relaxed);
        let mut full: Vec<usize> = (0..self.shards.len()).collect();
        // One from each in turn, so that none is emptied for the others.
        while !full.is_empty() {
            full.retain(|shard| self.kept.load(Relaxed) > capacity.get() && self.shrink(*shard));
        }
    }

    /// All values kept, by name.
    pub fn entries(&self) -> Vec<(Arc<str>, Arc<V>)> {
        let mut entries = Vec::with_capacity(self.kept.load(Relaxed));
        for index in 0..self.shards.len() {
            entries.extend(self.read(index).entries());
        }
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        entries
    }

    /// Keeps a value made for a new name, unless another is kept by now or none makes room.
    #[cold]
    fn keep(&self, index: usize, hash: u64, name: &str, value: Arc<V>) -> Arc<V> {
        let mut looks = LOOKS;
        let mut shard = self.write(index);
        if let Some(kept) = shard.find(hash, name) {
            return kept;
        }
        let has_room = self.reserve();
        let forgotten = if has_room { None } else { shard.forget_one(&mut looks, self.may_forget) };
        if !has_room && forgotten.is_none() {
            drop(shard);
            return self.keep_instead(index, hash, name, value, looks);
        }
        shard.insert(hash, Slot::new(name, &value), &self.hasher);
        drop(shard);
        // Nobody waits for the end of a value, which may take its time.
        drop(forgotten);
        value
    }

    /// The same when the shard itself has none to forget: another shard gives up one of its own.
    fn keep_instead(&self, index: usize, hash: u64, name: &str, value: Arc<V>, mut looks: usize) -> Arc<V> {
        let mut others = (1..self.shards.len()).map(|step| (index + step) % self.shards.len());
        let forgotten = others.find_map(|other| self.write(other).forget_one(&mut looks, self.may_forget));
        if forgotten.is_none() {
            return value;
        }
        // Two shards are never locked at once, so the name may have come in between.
        let mut shard = self.write(index);
        if let Some(kept) = shard.find(hash, name) {
            self.kept.fetch_sub(1, Relaxed);
            return kept;
        }
        shard.insert(hash, Slot::new(name, &value), &self.hasher);
        value
    }

    /// Forgets one value of this shard, whichever may be.
    fn shrink(&self, index: usize) -> bool {
        let mut looks = usize::MAX;
        let forgotten = self.write(index).forget_one(&mut looks, self.may_forget);
        if forgotten.is_some() {
            self.kept.fetch_sub(1, Relaxed);
        }
        forgotten.is_some()
    }

    fn reserve(&self) -> bool {
        let capacity = self.capacity.load(Relaxed);
        let one_more = |kept| (kept < capacity).then_some(kept + 1);
        self.kept.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    /// From bits that the table of a shard does not look at.
    fn shard_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.shards.len() - 1)
    }

    fn read(&self, index: usize) -> RwLockReadGuard<'_, Shard<V>> {
        self.shards[index].0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, index: usize) -> RwLockWriteGuard<'_, Shard<V>> {
        self.shards[index].0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> fmt::Debug for Registry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("capacity", &self.capacity)
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}
