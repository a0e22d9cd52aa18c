use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many counters stand for all tags. Two tags that share one are invalidated together, which costs a load and is
/// never wrong; in return the memory is bounded, whatever tags are made up.
const SLOTS: usize = 4096;

/// When each tag was last invalidated, by a counter that every invalidation moves.
///
/// An entry remembers what the counter showed before its value was read from the source, and holds while none of its tags
/// has been invalidated since: looking is O(tags), invalidating O(1), however many entries there are. A load that was
/// under way when its tag was invalidated is outdated as it lands, without anybody looking for it.
#[derive(Default)]
pub(crate) struct Versions {
    counter: AtomicU64,
    /// Made when the first tag is invalidated: a cache without tags does not pay for them.
    slots: OnceLock<Box<[AtomicU64]>>,
}

impl Versions {
    pub(crate) fn now(&self) -> u64 {
        self.counter.load(SeqCst)
    }

    pub(crate) fn invalidate(&self, tag: u64) {
        let version = self.counter.fetch_add(1, SeqCst) + 1;
        let slots = self.slots.get_or_init(|| (0..SLOTS).map(|_| AtomicU64::new(0)).collect());
        slots[slot(tag)].fetch_max(version, SeqCst);
    }

    /// Whether none of `tags` was invalidated since the counter showed `seen`.
    pub(crate) fn hold(&self, tags: &[u64], seen: u64) -> bool {
        let Some(slots) = self.slots.get() else { return true };
        tags.iter().all(|tag| slots[slot(*tag)].load(SeqCst) <= seen)
    }
}

const fn slot(tag: u64) -> usize {
    tag as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_before_an_invalidation_does_not_hold_and_what_was_seen_after_does() {
        let versions = Versions::default();
        let before = versions.now();
        assert!(versions.hold(&[1, 2], before));
        versions.invalidate(2);
        assert!(!versions.hold(&[1, 2], before));
        assert!(versions.hold(&[1], before));
        assert!(versions.hold(&[1, 2], versions.now()));
    }
}
