use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::Arrival;
use crate::scenario::Spikes;

/// Calls that come at given times, to the clients in turn.
#[derive(Debug)]
pub(super) struct Listed {
    times: Arc<[Duration]>,
    next: usize,
    /// How many more come at that time, once it is drawn.
    copies: Option<u64>,
    clients: u32,
    client: u32,
    rng: Rng,
}

impl Listed {
    pub(super) const fn new(times: Arc<[Duration]>, clients: u32, rng: Rng) -> Self {
        Self { times, next: 0, copies: None, clients, client: 0, rng }
    }

    /// The next until then. A spike makes copies of each, as many as its factor, what that has beyond a whole number by chance.
    pub(super) fn next_until(&mut self, until: Duration, spikes: &Spikes) -> Option<Arrival> {
        loop {
            let at = self.times.get(self.next).copied().filter(|at| *at <= until)?;
            let copies = self.copies.unwrap_or_else(|| (spikes.factor(at).0 + self.rng.f64()) as u64);
            if let Some(left) = copies.checked_sub(1) {
                self.copies = Some(left);
                let client = self.client;
                self.client = (client + 1) % self.clients;
                return Some(Arrival { at, client });
            }
            self.copies = None;
            self.next += 1;
        }
    }
}
