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
use crate::scenario::{self, Scenario};

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
        Self { source }
    }

    /// The next that comes until then, of so many times as many as usual.
    ///
    /// Ask again until there is none; from then on the factor may be another.
    pub fn next_until(&mut self, until: Duration, factor: f64) -> Option<Arrival> {
        match &mut self.source {
            Source::Drawn(drawn) => drawn.next_until(until, factor),
            Source::Listed(listed) => listed.next_until(until, factor),
        }
    }
}
