use std::num::NonZeroU64;
use std::time::Duration;

use super::connection::Ending;
use super::faults::{Direction, Fault, FaultKind, Faults, Rule};

/// Longer than any test, and short enough for a clock to hold.
const LONGEST: Duration = Duration::from_hours(24);

/// What a [`Faults`] value means for one connection.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) bytes_per_second: Option<NonZeroU64>,
    pub(super) reset: bool,
    pub(super) black_hole: bool,
    half_open: [bool; 2],
    cuts: [Option<Cut>; 2],
}

/// Where a direction ends early, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) after: u64,
    pub(super) ending: Ending,
    pub(super) kind: FaultKind,
}

impl Plan {
    pub(super) fn new(faults: &Faults, seed: u64, connection: u64) -> Self {
        let mut plan = Self::default();
        for (position, (fault, rule)) in faults.entries.iter().enumerate() {
            if rule.hits(seed, connection, position) {
                plan.add(*fault);
            }
        }
        plan
    }

    /// The fault that swallows bytes in this direction, if one does.
    pub(super) fn hole(&self, direction: Direction) -> Option<FaultKind> {
        if self.black_hole {
            Some(FaultKind::BlackHole)
        } else {
            self.half_open[direction as usize].then_some(FaultKind::HalfOpen)
        }
    }

    pub(super) fn cut(&self, direction: Direction) -> Option<Cut> {
        self.cuts[direction as usize]
    }

    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Latency { delay, jitter } => {
                self.delay = self.delay.saturating_add(delay).min(LONGEST);
                self.jitter = self.jitter.saturating_add(jitter).min(LONGEST);
            }
            Fault::Bandwidth { bytes_per_second } => {
                let least =
                    self.bytes_per_second.map_or(bytes_per_second, |other| other.min(bytes_per_second));
                self.bytes_per_second = Some(least);
            }
            Fault::Reset => self.reset = true,
            Fault::BlackHole => self.black_hole = true,
            Fault::HalfOpen { dead } => self.half_open[dead as usize] = true,
            Fault::Truncate { direction, after } => {
                self.add_cut(direction, Cut { after, ending: Ending::Close, kind: fault.kind() });
            }
            Fault::ResetAfter { direction, after } => {
                self.add_cut(direction, Cut { after, ending: Ending::Reset, kind: fault.kind() });
            }
        }
    }

    fn add_cut(&mut self, direction: Direction, cut: Cut) {
        let earliest = &mut self.cuts[direction as usize];
        if earliest.is_none_or(|other| cut.after < other.after) {
            *earliest = Some(cut);
        }
    }
}

impl Rule {
    fn hits(&self, seed: u64, connection: u64, position: usize) -> bool {
        match self {
            Self::Always => true,
            Self::Chance(probability) => {
                // Drawn by place and not from a running generator: whatever was set before, and however the pumps
                // of other connections are scheduled, this connection and entry get this number.
                let place = connection.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((position as u64) << 56);
                fastrand::Rng::with_seed(seed ^ place).f64() < *probability
            }
            Self::Numbered(numbers) => numbers.contains(&connection),
        }
    }
}
