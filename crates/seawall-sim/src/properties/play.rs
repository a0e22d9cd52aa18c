use std::time::Duration;

use crate::measure::{Goodput, Summary, by_second, summarize};
use crate::policy::Policy;
use crate::scenario::Scenario;
use crate::world::{self, Run};

/// One scenario with one seed, played by each policy of a case.
#[derive(Debug)]
pub struct Plays {
    /// What was played.
    pub scenario: Scenario,
    plays: Vec<Play>,
}

/// One scenario with one seed, played by one policy.
#[derive(Debug)]
pub struct Play {
    /// The policy.
    pub policy: &'static str,
    /// All that happened.
    pub run: Run,
    /// What it amounts to.
    pub summary: Summary,
    /// Calls by the second in which they came.
    pub seconds: Vec<Goodput>,
}

impl Plays {
    pub(super) fn new(scenario: Scenario, policies: &[Box<dyn Policy>], seed: u64) -> Self {
        let play = |policy: &dyn Policy| {
            let run = world::run(&scenario, policy, seed);
            let (summary, seconds) = (summarize(&scenario, &run), by_second(&scenario, &run));
            Play { policy: policy.name(), run, summary, seconds }
        };
        let plays = policies.iter().map(|policy| play(&**policy)).collect();
        Self { scenario, plays }
    }

    /// The policy that is judged.
    pub fn ours(&self) -> &Play {
        &self.plays[0]
    }

    /// Those that it is seen beside.
    pub fn others(&self) -> &[Play] {
        &self.plays[1..]
    }

    /// A policy of the case.
    ///
    /// # Panics
    /// If it is none of the case's.
    pub fn of(&self, policy: &str) -> &Play {
        let found = self.plays.iter().find(|play| play.policy == policy);
        found.expect("a claim asks for policies that its case plays")
    }
}

impl Play {
    /// The share of the calls answered in time, of those that came in the whole seconds from one time to another.
    pub fn goodput(&self, from: Duration, until: Duration) -> f64 {
        let whole = |time: Duration| {
            let second = usize::try_from(time.as_nanos().div_ceil(1_000_000_000)).unwrap_or(usize::MAX);
            second.min(self.seconds.len())
        };
        let (offered, good) = self.seconds[whole(from)..whole(until)]
            .iter()
            .fold((0, 0), |(offered, good), second| (offered + second.offered, good + second.good));
        good as f64 / offered as f64
    }
}
