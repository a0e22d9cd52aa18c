use std::collections::VecDeque;
use std::iter::Sum;
use std::time::Duration;

/// What happened in the last while, in slots of time that are forgotten one by one.
#[derive(Clone, Debug)]
pub(super) struct Window<T> {
    slot: Duration,
    slots: u128,
    kept: VecDeque<(u128, T)>,
}

impl<T: Copy + Default + Sum> Window<T> {
    /// So long, in so many slots.
    pub(super) const fn new(length: Duration, slots: u32) -> Self {
        let slot = Duration::from_nanos(length.as_nanos() as u64 / slots as u64);
        Self { slot, slots: slots as u128, kept: VecDeque::new() }
    }

    /// The slot that is filled now.
    pub(super) fn now(&mut self, now: Duration) -> &mut T {
        let current = self.forget(now);
        if self.kept.back().is_none_or(|(slot, _)| *slot < current) {
            self.kept.push_back((current, T::default()));
        }
        let last = self.kept.len() - 1;
        &mut self.kept[last].1
    }

    /// All that is remembered now.
    pub(super) fn sum(&mut self, now: Duration) -> T {
        self.forget(now);
        self.kept.iter().map(|(_, counted)| *counted).sum()
    }

    /// As [`sum`](Self::sum), as of the last time it was asked.
    pub(super) fn last_sum(&self) -> T {
        self.kept.iter().map(|(_, counted)| *counted).sum()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    fn forget(&mut self, now: Duration) -> u128 {
        let current = now.as_nanos() / self.slot.as_nanos();
        while self.kept.front().is_some_and(|(slot, _)| slot + self.slots <= current) {
            self.kept.pop_front();
        }
        current
    }
}
