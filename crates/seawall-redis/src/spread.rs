//! Over how many of the shared connections calls are spread.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::multiplexed::Crowd;

/// A second connection lets the server and this process work at the same time, but each then has half as much to write at
/// once: it is a gain from some 16 calls for each on.
const CALLS_EACH: usize = 16;
/// One call in so many counts those that are under way, which the others write without end.
const COUNTING: u32 = 16;

/// Chooses connections: few while few calls are under way, and more with them.
pub(crate) struct Spread {
    most: usize,
    crowd: Crowd,
    in_use: AtomicUsize,
}

impl Spread {
    /// Over so many connections at most, by how many calls there are in `crowd`.
    pub(crate) const fn new(most: usize, crowd: Crowd) -> Self {
        Self { most, crowd, in_use: AtomicUsize::new(1) }
    }

    /// The number of the connection for a call, by `chance`, which is any number.
    pub(crate) fn pick(&self, chance: u32) -> usize {
        if chance.is_multiple_of(COUNTING) {
            self.count();
        }
        // By the high bits, as the low ones have decided already.
        ((u64::from(chance) * self.in_use.load(Relaxed) as u64) >> u32::BITS) as usize
    }

    fn count(&self) {
        let worth = (self.crowd.size() / CALLS_EACH).clamp(1, self.most);
        // Read first: what is seldom written is shared without a fight.
        if worth != self.in_use.load(Relaxed) {
            self.in_use.store(worth, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(spread: &Spread) -> Vec<usize> {
        spread.pick(0);
        let mut all: Vec<_> = (0..64_u32).map(|n| spread.pick(n << 26)).collect();
        all.dedup();
        all
    }

    #[test]
    fn calls_are_spread_over_as_many_connections_as_they_are_worth() {
        let crowd = Crowd::default();
        let spread = Spread::new(3, crowd.clone());
        assert_eq!(picked(&spread), [0], "nobody is there");
        (0..31).for_each(|_| crowd.enter());
        assert_eq!(picked(&spread), [0]);
        crowd.enter();
        assert_eq!(picked(&spread), [0, 1]);
        (0..100).for_each(|_| crowd.enter());
        assert_eq!(picked(&spread), [0, 1, 2], "there are no more");
        (0..132).for_each(|_| crowd.leave());
        assert_eq!(picked(&spread), [0]);
    }

    #[test]
    fn a_leave_that_is_seen_before_its_enter_is_no_crowd() {
        let crowd = Crowd::default();
        crowd.leave();
        assert_eq!(picked(&Spread::new(3, crowd)), [0]);
    }
}
