use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::CircuitBreakerConfig;

/// One half-open round: who is probing, until when they have leave to, and what came back.
#[derive(Debug, Default)]
pub(super) struct Probes {
    leases: Vec<Lease>,
    // How many were let in so far.
    admitted: u64,
    succeeded: u32,
    failed: u32,
}

#[derive(Debug)]
struct Lease {
    serial: NonZeroU64,
    began: Instant,
}

impl Lease {
    fn left(&self, config: &CircuitBreakerConfig, now: Instant) -> Duration {
        config.half_open_lease.saturating_sub(now.saturating_duration_since(self.began))
    }
}

/// What a round has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Close,
    Open,
}

impl Probes {
    /// A probe's number, or how long until one that hangs makes room.
    pub(super) fn admit(
        &mut self,
        config: &CircuitBreakerConfig,
        now: Instant,
    ) -> Result<NonZeroU64, Duration> {
        self.leases.retain(|lease| !lease.left(config, now).is_zero());
        let known = self.leases.len() as u32 + self.succeeded + self.failed;
        if known >= config.permitted_calls_in_half_open.get() {
            let next = self.leases.iter().map(|lease| lease.left(config, now)).min();
            return Err(next.unwrap_or_default());
        }
        let serial = NonZeroU64::MIN.saturating_add(self.admitted);
        self.admitted += 1;
        self.leases.push(Lease { serial, began: now });
        Ok(serial)
    }

    /// Gives a probe's place back. `false` if its lease had run out, so that it has no say any more.
    pub(super) fn release(
        &mut self,
        serial: NonZeroU64,
        config: &CircuitBreakerConfig,
        now: Instant,
    ) -> bool {
        match self.leases.iter().position(|lease| lease.serial == serial) {
            Some(place) => !self.leases.swap_remove(place).left(config, now).is_zero(),
            None => false,
        }
    }

    /// Counts a probe's result, and decides as soon as the rest cannot change the decision.
    pub(super) fn record(&mut self, succeeded: bool, config: &CircuitBreakerConfig) -> Option<Verdict> {
        if succeeded {
            self.succeeded += 1;
        } else {
            self.failed += 1;
        }
        let permitted = config.permitted_calls_in_half_open.get();
        let share = |part: u32| f64::from(part) / f64::from(permitted);
        if share(self.succeeded) >= config.half_open_success_threshold {
            Some(Verdict::Close)
        } else if share(permitted - self.failed) < config.half_open_success_threshold {
            Some(Verdict::Open)
        } else {
            None
        }
    }
}
