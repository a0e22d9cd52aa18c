use std::time::{Duration, Instant};

use crate::tally::Tally;

const BUCKETS: usize = 10;

/// What happened in the last stretch of time: ten buckets and their running sum.
///
/// It slides by a tenth of its length. Recording and reading cost the same however many calls it holds: what leaves
/// is subtracted a bucket at a time.
#[derive(Clone, Debug)]
pub(crate) struct TimeWindow {
    width: Duration,
    buckets: [Tally; BUCKETS],
    newest: usize,
    newest_began: Instant,
    sum: Tally,
}

impl TimeWindow {
    /// `window` must be at least ten nanoseconds; configurations see to it.
    pub(crate) fn new(window: Duration, now: Instant) -> Self {
        Self {
            width: (window / BUCKETS as u32).max(Duration::from_nanos(1)),
            buckets: [Tally::default(); BUCKETS],
            newest: 0,
            newest_began: now,
            sum: Tally::default(),
        }
    }

    pub(crate) fn record(&mut self, failed: bool, slow: bool, now: Instant) {
        self.record_all(Tally::one(failed, slow), now);
    }

    pub(crate) fn record_all(&mut self, calls: Tally, now: Instant) {
        self.advance(now);
        self.buckets[self.newest] += calls;
        self.sum += calls;
    }

    /// What the window holds as of the last [`advance`](Self::advance) or [`record`](Self::record).
    pub(crate) const fn sum(&self) -> Tally {
        self.sum
    }

    pub(crate) fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.newest_began);
        if passed < self.width {
            return;
        }
        let steps = passed.as_nanos() / self.width.as_nanos();
        if steps >= BUCKETS as u128 {
            *self = Self { newest_began: now, ..Self::new(self.width * BUCKETS as u32, now) };
            return;
        }
        for _ in 0..steps {
            self.newest = (self.newest + 1) % BUCKETS;
            let left = std::mem::take(&mut self.buckets[self.newest]);
            self.sum -= left;
        }
        self.newest_began += self.width * steps as u32;
    }

    /// The same history in a window of another length; what is older than the new length is forgotten.
    pub(crate) fn resized(&self, window: Duration, now: Instant) -> Self {
        let mut old = self.clone();
        old.advance(now);
        let mut new = Self::new(window, now);
        let into_newest = now.saturating_duration_since(old.newest_began);
        for steps in 0..BUCKETS {
            let age = into_newest + old.width * steps as u32;
            let place = age.as_nanos() / new.width.as_nanos();
            if place < BUCKETS as u128 {
                let tally = old.buckets[(old.newest + BUCKETS - steps) % BUCKETS];
                new.buckets[(new.newest + BUCKETS - place as usize) % BUCKETS] += tally;
                new.sum += tally;
            }
        }
        new
    }
}
