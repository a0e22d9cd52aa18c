use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Among how many values the one not asked for the longest is looked for.
const SAMPLE: usize = 16;

/// A part of a registry: the values of some names.
pub(super) struct Shard<V> {
    slots: HashTable<Slot<V>>,
    /// Counts insertions, by two. It stands between the look-ups before and after one without being written by them.
    clock: u64,
    /// Where the next search for one to forget begins.
    hand: usize,
}

pub(super) struct Slot<V> {
    name: Arc<str>,
    value: Arc<V>,
    used: AtomicU64,
}

impl<V> Slot<V> {
    pub(super) fn new(name: &str, value: &Arc<V>) -> Self {
        Self { name: name.into(), value: Arc::clone(value), used: AtomicU64::new(0) }
    }

    fn may_go(&self, may_forget: fn(&V) -> bool) -> bool {
        // Nobody gets hold of it meanwhile: that takes the lock, which is held for writing.
        Arc::strong_count(&self.value) == 1 && may_forget(&self.value)
    }
}

impl<V> Shard<V> {
    pub(super) const fn new() -> Self {
        Self { slots: HashTable::new(), clock: 0, hand: 0 }
    }

    pub(super) fn find(&self, hash: u64, name: &str) -> Option<Arc<V>> {
        // The count is raised next and in other memory. Asked for here, it is on its way while the name is compared.
        let is_it = |slot: &Slot<V>| *slot.name == *name && Arc::strong_count(&slot.value) > 0;
        let slot = self.slots.find(hash, is_it)?;
        // Later than the latest insertion. Most look-ups find it so already, and write nothing.
        let used = self.clock + 1;
        if slot.used.load(Relaxed) != used {
            slot.used.store(used, Relaxed);
        }
        Some(Arc::clone(&slot.value))
    }

    pub(super) fn insert(&mut self, hash: u64, slot: Slot<V>, hasher: &DefaultHashBuilder) {
        self.clock += 2;
        slot.used.store(self.clock, Relaxed);
        self.slots.insert_unique(hash, slot, |slot| hasher.hash_one(&*slot.name));
    }

    /// Takes out the value not asked for the longest among the next few, of those that may go; if none may, among the
    /// next few after them, for as many looks as are left.
    pub(super) fn forget_one(&mut self, looks: &mut usize, may_forget: fn(&V) -> bool) -> Option<Slot<V>> {
        let mut untouched = self.slots.num_buckets();
        while *looks > 0 && untouched > 0 {
            let mut oldest: Option<(u64, usize)> = None;
            let mut seen = 0;
            while seen < SAMPLE && untouched > 0 {
                let index = self.step();
                untouched -= 1;
                let Some(slot) = self.slots.get_bucket(index) else { continue };
                seen += 1;
                let used = slot.used.load(Relaxed);
                if oldest.is_none_or(|(older, _)| used < older) && slot.may_go(may_forget) {
                    oldest = Some((used, index));
                }
            }
            *looks = looks.saturating_sub(seen);
            if let Some((_, index)) = oldest {
                let found = self.slots.get_bucket_entry(index).ok()?;
                return Some(found.remove().0);
            }
        }
        None
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (Arc<str>, Arc<V>)> {
        self.slots.iter().map(|slot| (Arc::clone(&slot.name), Arc::clone(&slot.value)))
    }

    fn step(&mut self) -> usize {
        let index = self.hand;
        self.hand = if index + 1 < self.slots.num_buckets() { index + 1 } else { 0 };
        index
    }
}
