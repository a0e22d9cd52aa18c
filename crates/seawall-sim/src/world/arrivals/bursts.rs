use std::time::Duration;

use fastrand::Rng;

use super::rate::Piece;
use crate::world::work::unit_exponential;

/// Clients that call for a while and are silent for a while, each on its own.
///
/// Both last for a time that is exponentially distributed, so it does not matter how long a client has been active or
/// silent: the next one to change is any of them, and the time until then is exponential too.
#[derive(Debug)]
pub(super) struct Bursts {
    active: Vec<u32>,
    silent: Vec<u32>,
    /// Calls a second of one that is active.
    rate: f64,
    on: f64,
    off: f64,
    next_change: Duration,
    rng: Rng,
}

impl Bursts {
    /// So many clients that make so many calls a second together, on average, and have been at it for ever.
    pub(super) fn new(rate: f64, clients: u32, (on, off): (Duration, Duration), mut rng: Rng) -> Self {
        let (on, off) = (on.as_secs_f64(), off.as_secs_f64());
        let share = on / (on + off);
        let (active, silent) = (0..clients).partition(|_| rng.f64() < share);
        let rate = rate / f64::from(clients) / share;
        let mut bursts = Self { active, silent, rate, on, off, next_change: Duration::ZERO, rng };
        bursts.plan_change();
        bursts
    }

    /// The rate from now to the next change.
    pub(super) fn piece(&mut self, now: Duration) -> Piece {
        while self.next_change <= now {
            self.change();
            self.plan_change();
        }
        Piece::constant(self.rate * self.active.len() as f64, self.next_change)
    }

    /// One of those that are active.
    pub(super) fn client(&self, rng: &mut Rng) -> u32 {
        self.active[rng.usize(..self.active.len())]
    }

    fn change(&mut self) {
        let (stops, starts) = self.changes();
        let (from, to) = if self.rng.f64() * (stops + starts) < stops {
            (&mut self.active, &mut self.silent)
        } else {
            (&mut self.silent, &mut self.active)
        };
        // Rounding may point at a list in which there is nobody; then nothing changes.
        if !from.is_empty() {
            to.push(from.swap_remove(self.rng.usize(..from.len())));
        }
    }

    fn plan_change(&mut self) {
        let (stops, starts) = self.changes();
        self.next_change += Duration::from_secs_f64(unit_exponential(&mut self.rng) / (stops + starts));
    }

    /// How many stop and start in a second, on average, as things are.
    fn changes(&self) -> (f64, f64) {
        (self.active.len() as f64 / self.on, self.silent.len() as f64 / self.off)
    }
}
