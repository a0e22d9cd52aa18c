use std::time::Duration;

use fastrand::Rng;

use super::work::exponential;
use crate::chance::{Purpose, Seed};
use crate::scenario::Scenario;

/// A call that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Duration,
    pub(super) client: u32,
}

/// When calls come, and to which client.
#[derive(Debug)]
pub(super) struct Arrivals {
    rng: Rng,
    clients: u32,
    rate: f64,
    next: Duration,
}

impl Arrivals {
    pub(super) fn new(scenario: &Scenario, seed: Seed) -> Self {
        let clients = &scenario.clients;
        let mut rng = seed.rng(Purpose::Arrivals, 0, 0);
        let next = exponential(Duration::from_secs_f64(1.0 / clients.rate), &mut rng);
        Self { rng, clients: clients.count.get(), rate: clients.rate, next }
    }

    /// The next that comes until then, of so many times as many as usual.
    pub(super) fn next_until(&mut self, until: Duration, factor: f64) -> Option<Arrival> {
        if self.next > until {
            return None;
        }
        let arrival = Arrival { at: self.next, client: self.rng.u32(..self.clients) };
        self.next += exponential(Duration::from_secs_f64(1.0 / (self.rate * factor)), &mut self.rng);
        Some(arrival)
    }
}
