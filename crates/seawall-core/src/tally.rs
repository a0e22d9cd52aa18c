use std::ops::{AddAssign, SubAssign};

/// How many calls a window holds, and how many of them were bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    pub(crate) slow: u32,
}

impl Tally {
    pub(crate) fn one(failed: bool, slow: bool) -> Self {
        Self { calls: 1, failures: u32::from(failed), slow: u32::from(slow) }
    }

    pub(crate) const fn successes(calls: u32) -> Self {
        Self { calls, failures: 0, slow: 0 }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.failures += other.failures;
        self.slow += other.slow;
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failures -= other.failures;
        self.slow -= other.slow;
    }
}
