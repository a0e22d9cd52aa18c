use std::time::Duration;

use crate::scenario::Scenario;
use crate::world::{CallRecord, End, Run};

/// With fewer calls, one of them decides whether 95 % are good: then seconds are put together until there are so many.
pub(super) const ENOUGH: u64 = 20;

/// How many calls came, and how many of them were good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goodput {
    /// The calls that came.
    pub offered: u64,
    /// Those of them that were answered within the deadline.
    pub good: u64,
}

/// The calls of each second of the run, by the time they came. The first is the second that begins with the run.
pub fn by_second(scenario: &Scenario, run: &Run) -> Vec<Goodput> {
    let seconds = scenario.duration.as_secs() + u64::from(scenario.duration.subsec_nanos() > 0);
    seconds_from(Duration::ZERO, seconds as usize, scenario, run)
}

/// The calls of so many seconds, of which the first begins then.
pub(super) fn seconds_from(start: Duration, seconds: usize, scenario: &Scenario, run: &Run) -> Vec<Goodput> {
    let mut all = vec![Goodput::default(); seconds];
    for call in &run.calls {
        let second = call.arrived.checked_sub(start).map(|since| since.as_secs() as usize);
        if let Some(goodput) = second.and_then(|second| all.get_mut(second)) {
            goodput.count(is_good(call, scenario));
        }
    }
    all
}

/// Whether the call was answered within the deadline.
pub(super) fn is_good(call: &CallRecord, scenario: &Scenario) -> bool {
    call.end == End::Answered && call.took <= scenario.clients.deadline
}

impl Goodput {
    /// The share that was good, if any came.
    pub fn share(self) -> Option<f64> {
        (self.offered > 0).then(|| self.good as f64 / self.offered as f64)
    }

    /// Counts a call.
    pub(super) fn count(&mut self, good: bool) {
        self.offered += 1;
        self.good += u64::from(good);
    }

    /// All calls of both.
    pub const fn and(self, other: Self) -> Self {
        Self { offered: self.offered + other.offered, good: self.good + other.good }
    }
}
