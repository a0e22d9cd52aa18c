use std::time::Instant;

use seawall_core::{Admission, Outcome};

use super::CircuitBreakerHandle;
use crate::clock::now;

/// An admission that is handed back exactly once: with a result, or as dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    breaker: CircuitBreakerHandle,
    admission: Option<Admission>,
}

impl Ticket {
    pub(super) const fn new(breaker: CircuitBreakerHandle, admission: Admission) -> Self {
        Self { breaker, admission: Some(admission) }
    }

    /// Says that the call starts now, over what was said when it was let in.
    pub(super) fn began(&mut self, now: Instant) {
        if let Some(admission) = &mut self.admission {
            admission.began(now);
        }
    }

    /// Says that the call is under way, if nobody has.
    pub(super) fn pending(&mut self) {
        if let Some(admission) = &mut self.admission
            && admission.began_at().is_none()
        {
            admission.began(now());
        }
    }

    /// Hands the result back.
    pub(super) fn report(&mut self, outcome: Outcome) {
        if let Some(admission) = self.admission.take() {
            self.breaker.exit(admission, Some(outcome), now());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // A dropped call counts for nothing, so only a probe, which holds a place, has something to hand back.
        if let Some(admission) = self.admission.take()
            && admission.is_probe()
        {
            self.breaker.exit(admission, None, now());
        }
    }
}
