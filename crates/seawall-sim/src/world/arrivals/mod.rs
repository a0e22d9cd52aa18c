//! When calls come.

mod bursts;
mod drawn;
mod listed;
mod rate;

use std::sync::Arc;
use std::time::Duration;

use drawn::Drawn;
use listed::Listed;

use crate::chance::{Purpose, Seed};
use crate::scenario::{self, Scenario, Spikes};

/// A call that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Duration,
    /// Which client makes it.
    pub client: u32,
}

/// When calls come, and to which client. The same seed gives the same ones, whatever becomes of them.
#[derive(Debug)]
pub struct Arrivals {
    source: Source,
    spikes: Spikes,
}

#[derive(Debug)]
enum Source {
    Drawn(Drawn),
    Listed(Listed),
}

impl Arrivals {
    /// Those of a scenario, which must be [valid](Scenario::validate).
    pub fn new(scenario: &Scenario, seed: Seed) -> Self {
        let clients = &scenario.clients;
        let source = match &clients.arrivals {
            scenario::Arrivals::Trace { times, .. } => Source::Listed(Listed::new(
                Arc::clone(times),
                clients.count.get(),
                seed.rng(Purpose::Arrivals, 0, 0),
            )),
            _ => Source::Drawn(Drawn::new(clients, seed)),
        };
        Self { source, spikes: Spikes::of(scenario) }
    }

    /// The next that comes until then, load spikes included.
    pub fn next_until(&mut self, until: Duration) -> Option<Arrival> {
        match &mut self.source {
            Source::Drawn(drawn) => drawn.next_until(until, &self.spikes),
            Source::Listed(listed) => listed.next_until(until, &self.spikes),
        }
    }
}
