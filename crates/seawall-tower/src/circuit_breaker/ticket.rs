use std::time::Instant;

use seawall_core::{Admission, CallContext, FailureKind, Outcome};

use super::CircuitBreakerHandle;
use crate::clock::{WayOut, now};

/// An admission that is handed back exactly once: with a result, or as dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    breaker: CircuitBreakerHandle,
    admission: Option<Admission>,
    // Until when the caller waits for the answer.
    deadline: Option<Instant>,
    // Since when it does.
    waiting: Option<Instant>,
}

impl Ticket {
    pub(super) const fn new(breaker: CircuitBreakerHandle, admission: Admission) -> Self {
        Self { breaker, admission: Some(admission), deadline: None, waiting: None }
    }

    /// Says that the call starts now, over what was said when it was let in.
    pub(super) fn began(&mut self, now: Instant) {
        if let Some(admission) = &mut self.admission {
            admission.began(now);
        }
    }

    /// Takes note of the deadline in force, in `call`.
    pub(super) fn due(&mut self) {
        self.deadline = CallContext::current_deadline();
    }

    /// Says that the call is under way.
    pub(super) fn pending(&mut self, way_out: &WayOut) {
        if self.waiting.is_none() {
            let now = way_out.now();
            self.waiting = Some(now);
            if let Some(admission) = &mut self.admission
                && admission.began_at().is_none()
            {
                admission.began(now);
            }
        }
    }

    /// Hands the result back; asks for the time only if the circuit has to be told.
    pub(super) fn report(&mut self, outcome: Outcome, now: impl FnOnce() -> Instant) {
        if let Some(admission) = self.admission.take()
            && !self.breaker.is_unmoved_by(&admission, outcome)
        {
            self.breaker.exit(admission, Some(outcome), now());
        }
    }
}

impl Drop for Ticket {
    /// A call dropped while it was under way is told of as abandoned. If its deadline had passed, somebody above cut it
    /// for being slow, and it counts as a time-out; otherwise it counts for nothing.
    fn drop(&mut self) {
        let Some(admission) = self.admission.take() else { return };
        let Some(waiting) = self.waiting else {
            // It never began. Only a probe holds a place.
            if admission.is_probe() {
                self.breaker.exit(admission, None, now());
            }
            return;
        };
        let now = now();
        self.breaker.abandoned(now.saturating_duration_since(waiting));
        let cut = self.deadline.is_some_and(|deadline| deadline <= now);
        let outcome = cut.then_some(Outcome::failure(FailureKind::Timeout));
        if outcome.is_some() || admission.is_probe() {
            self.breaker.exit(admission, outcome, now);
        }
    }
}
