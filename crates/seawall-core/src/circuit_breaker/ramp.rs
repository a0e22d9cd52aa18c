use std::time::{Duration, Instant};

// The share of calls let in at the moment of closing: enough to learn from, too little to knock a backend over.
const FIRST_SHARE: f64 = 0.1;

/// Lets a share of the calls in that grows in a line from a tenth to all of them.
///
/// The share is kept exactly, without chance: each call adds its share to a credit, and a whole one pays for a call
/// (error diffusion).
#[derive(Debug)]
pub(super) struct Ramp {
    began: Instant,
    length: Duration,
    credit: f64,
}

impl Ramp {
    pub(super) const fn new(began: Instant, length: Duration) -> Self {
        // The first call is let in.
        Self { began, length, credit: 1.0 }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= self.length
    }

    /// Lets a call in, or says for how long the ramp still lasts.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.began);
        let share = (elapsed.as_secs_f64() / self.length.as_secs_f64()).max(FIRST_SHARE);
        self.credit += share;
        if self.credit < 1.0 {
            return Err(self.length.saturating_sub(elapsed));
        }
        self.credit -= 1.0;
        Ok(())
    }
}
