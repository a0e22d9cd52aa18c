use std::time::Duration;

use crate::measure::{Goodput, by_second, last_trigger_ends, summarize};
use crate::scenario::Scenario;
use crate::world::{Run, Second};

/// What of a run is drawn. It is far smaller than the run, which lists every call.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    pub(super) seed: u64,
    pub(super) goodput: Vec<Goodput>,
    pub(super) seconds: Vec<Second>,
    /// When goodput was back, if a trigger took it away and it came back.
    pub(super) recovered: Option<Duration>,
}

impl Course {
    /// Of the run with that seed.
    pub fn of(scenario: &Scenario, seed: u64, run: &Run) -> Self {
        let after = summarize(scenario, run).recovery.filter(|after| !after.is_zero());
        Self {
            seed,
            goodput: by_second(scenario, run),
            seconds: run.seconds.clone(),
            recovered: after.and_then(|after| Some(last_trigger_ends(scenario)? + after)),
        }
    }
}
