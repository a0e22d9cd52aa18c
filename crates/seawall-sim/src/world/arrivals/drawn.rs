use std::time::Duration;

use fastrand::Rng;

use super::Arrival;
use super::bursts::Bursts;
use super::rate::{Piece, ramp};
use crate::chance::{Purpose, Seed};
use crate::scenario::{Arrivals, Clients, LoadPoint, Spikes};
use crate::world::work::unit_exponential;

/// Calls that come by chance, at a rate that may change at any time.
///
/// What is drawn is not when the next one comes, but how many would be expected until then: exponentially distributed,
/// with mean 1 (the time-rescaling theorem, F. Papangelou, 1972). That number is used up by time, the faster the higher the
/// rate is. So a change of the rate, or of the factor on it, is in force at once, and exactly.
#[derive(Debug)]
pub(super) struct Drawn {
    rng: Rng,
    load: Load,
    now: Duration,
    left: f64,
}

#[derive(Debug)]
enum Load {
    /// At any client, at a rate that goes from point to point.
    Ramp { points: Vec<LoadPoint>, clients: u32 },
    /// At those clients that are active.
    Bursts(Bursts),
}

impl Drawn {
    pub(super) fn new(clients: &Clients, seed: Seed) -> Self {
        let mut rng = seed.rng(Purpose::Arrivals, 0, 0);
        let count = clients.count.get();
        let load = match &clients.arrivals {
            Arrivals::OnOff { on, off } => {
                Load::Bursts(Bursts::new(clients.rate, count, (*on, *off), seed.rng(Purpose::Arrivals, 1, 0)))
            }
            Arrivals::Ramp { points } => Load::Ramp { points: points.clone(), clients: count },
            Arrivals::Poisson | Arrivals::Trace { .. } => {
                let always = LoadPoint { at: Duration::ZERO, rate: clients.rate };
                Load::Ramp { points: vec![always], clients: count }
            }
        };
        let left = unit_exponential(&mut rng);
        Self { rng, load, now: Duration::ZERO, left }
    }

    pub(super) fn next_until(&mut self, until: Duration, spikes: &Spikes) -> Option<Arrival> {
        while self.now < until {
            let (factor, factor_ends) = spikes.factor(self.now);
            let piece = self.piece().times(factor);
            let end = piece.end.min(factor_ends).min(until);
            let span = end.saturating_sub(self.now);
            let expected = piece.expected_within(span);
            if self.left < expected {
                self.now += piece.time_of(self.left).min(span);
                self.left = unit_exponential(&mut self.rng);
                return Some(Arrival { at: self.now, client: self.client() });
            }
            self.left -= expected;
            self.now = end;
        }
        None
    }

    /// The rate from now on.
    fn piece(&mut self) -> Piece {
        match &mut self.load {
            Load::Ramp { points, .. } => ramp(points, self.now),
            Load::Bursts(bursts) => bursts.piece(self.now),
        }
    }

    fn client(&mut self) -> u32 {
        match &self.load {
            Load::Ramp { clients, .. } => self.rng.u32(..*clients),
            Load::Bursts(bursts) => bursts.client(&mut self.rng),
        }
    }
}
