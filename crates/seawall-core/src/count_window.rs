use crate::tally::Tally;

/// What happened to the last so many calls: a ring, and its running sum.
#[derive(Clone, Debug)]
pub(crate) struct CountWindow {
    // (failed, slow) of each call; grows to `size` and then turns round.
    ring: Vec<(bool, bool)>,
    size: usize,
    oldest: usize,
    sum: Tally,
}

impl CountWindow {
    /// `size` must not be zero; configurations see to it.
    pub(crate) fn new(size: usize) -> Self {
        Self { ring: Vec::with_capacity(size), size, oldest: 0, sum: Tally::default() }
    }

    pub(crate) fn record(&mut self, failed: bool, slow: bool) {
        self.sum += Tally::one(failed, slow);
        if self.ring.len() < self.size {
            self.ring.push((failed, slow));
            return;
        }
        let (failed, slow) = std::mem::replace(&mut self.ring[self.oldest], (failed, slow));
        self.sum -= Tally::one(failed, slow);
        // A comparison, because a division would cost more than all the rest.
        self.oldest = if self.oldest + 1 == self.size { 0 } else { self.oldest + 1 };
    }

    /// Whether it is full of calls that were neither failures nor slow: one more of them changes nothing.
    pub(crate) const fn is_full_of_successes(&self) -> bool {
        self.sum.calls as usize == self.size && self.sum.failures == 0 && self.sum.slow == 0
    }

    pub(crate) const fn sum(&self) -> Tally {
        self.sum
    }

    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The same history in a window of another size; the oldest calls are forgotten first.
    pub(crate) fn resized(&self, size: usize) -> Self {
        let mut new = Self::new(size);
        let (newer, older) = self.ring.split_at(self.oldest);
        for &(failed, slow) in older.iter().chain(newer) {
            new.record(failed, slow);
        }
        new
    }
}
