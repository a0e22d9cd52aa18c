use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// What a [`Cache`](crate::Cache) has done since it was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups answered with a fresh entry from memory.
    pub hits: u64,
    /// Look-ups answered with an entry past its time to live, while it was renewed.
    pub stale_hits: u64,
    /// Look-ups answered with a remembered failure.
    pub failure_hits: u64,
    /// Look-ups that found nothing to serve in memory.
    pub misses: u64,
    /// Loads begun, those that the second tier then answered included.
    pub loads: u64,
    /// Loads that ended in an error, a panic or the load time-out.
    pub load_failures: u64,
    /// Failed loads that were answered with the value from before.
    pub stale_on_error: u64,
    /// Loads begun before the expiry, by chance.
    pub early_refreshes: u64,
    /// Look-ups and loads that the second tier answered.
    pub second_tier_hits: u64,
    /// Look-ups and loads that the second tier had nothing for.
    pub second_tier_misses: u64,
    /// Requests of the second tier that failed or took too long.
    pub second_tier_failures: u64,
    /// Requests of the second tier that were not made because its circuit is open.
    pub second_tier_skips: u64,
    /// Invalidations heard from other processes.
    pub invalidations_heard: u64,
    /// Entries pushed out to make room.
    pub evictions: u64,
    /// Values not kept because one alone was too heavy.
    pub rejected: u64,
    /// Entries held now, expired ones that nobody asked for again included.
    pub entries: u64,
    /// What they weigh: bytes, or what the cache's weigher says.
    pub weight: u64,
}

/// The running counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) look_ups: Lanes<LookUps>,
    pub(crate) loads: Counter,
    pub(crate) load_failures: Counter,
    pub(crate) stale_on_error: Counter,
    pub(crate) early_refreshes: Counter,
    pub(crate) second_tier_hits: Counter,
    pub(crate) second_tier_misses: Counter,
    pub(crate) second_tier_failures: Counter,
    pub(crate) second_tier_skips: Counter,
    pub(crate) invalidations_heard: Counter,
}

/// How look-ups went.
#[derive(Debug, Default)]
pub(crate) struct LookUps {
    pub(crate) hits: Counter,
    pub(crate) stale_hits: Counter,
    pub(crate) failure_hits: Counter,
    pub(crate) misses: Counter,
}

/// What is counted at every turn. Threads that count in one place would wait for each other longer than for what they
/// count, so each has a lane of its own, which it counts in without locking the memory, as far as these reach; the others
/// share the last.
#[derive(Debug, Default)]
pub(crate) struct Lanes<T>([Lane<T>; LANES]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane<T>(T);

const LANES: usize = 16;
const SHARED: usize = LANES - 1;

/// Which lanes have an owner, by bit.
static OWNED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static LANE: Lease = Lease::take();
}

/// A thread's lane, until it ends.
struct Lease(usize);

impl Lease {
    fn take() -> Self {
        let free = |owned: u32| (!owned).trailing_zeros() as usize;
        // What its last owner has counted is to be seen.
        let own = |owned: u32| (free(owned) < SHARED).then(|| owned | 1 << free(owned));
        Self(OWNED.fetch_update(Acquire, Relaxed, own).map_or(SHARED, free))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.0 < SHARED {
            OWNED.fetch_and(!(1 << self.0), Release);
        }
    }
}

impl<T> Lanes<T> {
    #[inline]
    pub(crate) fn add(&self, which: impl FnOnce(&T) -> &Counter, number: u64) {
        // A thread that is ending has no lane any more.
        let lane = LANE.try_with(|lease| lease.0).unwrap_or(SHARED);
        let counter = which(&self.0[lane % LANES].0);
        if lane == SHARED {
            counter.add(number);
        } else {
            // Nobody else writes there.
            counter.0.store(counter.total().wrapping_add(number), Relaxed);
        }
    }

    pub(crate) fn sum(&self, of: fn(&T) -> &Counter) -> u64 {
        self.0.iter().map(|lane| of(&lane.0).total()).sum()
    }
}

/// Relaxed, because each is read alone.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn count(&self) {
        self.add(1);
    }

    #[inline]
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;

    #[test]
    fn no_count_is_lost_however_many_threads_come_and_go() {
        const AT_ONCE: usize = 3 * LANES;
        let lanes = Lanes::<Counter>::default();
        for _ in 0..5 {
            let together = Arc::new(Barrier::new(AT_ONCE));
            thread::scope(|scope| {
                for _ in 0..AT_ONCE {
                    scope.spawn(|| {
                        // So that there are more of them than lanes.
                        together.wait();
                        (0..1000).for_each(|_| lanes.add(|lane| lane, 1));
                        together.wait();
                    });
                }
            });
        }
        assert_eq!(lanes.sum(|lane| lane), 5 * 1000 * AT_ONCE as u64);
    }
}
