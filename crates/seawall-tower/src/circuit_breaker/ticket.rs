use std::time::Instant;

use seawall_core::{Admission, CallContext, Epoch, FailureKind, Outcome};

use super::CircuitBreakerHandle;
use crate::clock::{WayOut, now};

/// Leave to make one call, handed back exactly once: with a result, or as dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    breaker: CircuitBreakerHandle,
    leave: Leave,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
enum Leave {
    /// By a circuit that flows, unasked.
    Flowing(Epoch),
    /// By a circuit that was asked. In a box, because most are not, and every future has room for one.
    Admitted(Box<Admission>),
    /// It was handed back.
    Spent,
}

/// A call under way: since when, if anybody wants to know, and until when its caller waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Option<Instant>,
    deadline: Option<Instant>,
}

impl Ticket {
    /// For a call that flows.
    pub(super) fn flowing(breaker: &CircuitBreakerHandle, epoch: Epoch) -> Self {
        Self { breaker: breaker.clone(), leave: Leave::Flowing(epoch), waiting: None }
    }

    pub(super) fn admitted(breaker: &CircuitBreakerHandle, admission: Admission) -> Self {
        Self { breaker: breaker.clone(), leave: Leave::Admitted(Box::new(admission)), waiting: None }
    }

    /// Says that the call starts now, over what was said when it was let in.
    pub(super) fn began(&mut self, now: Instant) {
        if let Leave::Admitted(admission) = &mut self.leave {
            admission.began(now);
        }
    }

    /// Says that the call is under way. Asks for the time only if somebody wants to know how long it takes.
    #[inline]
    pub(super) fn pending(&mut self, way_out: &WayOut) {
        if self.waiting.is_none() {
            let since = self.breaker.wants_durations().then(|| way_out.now());
            self.waiting = Some(Waiting { since, deadline: CallContext::current_deadline() });
        }
    }

    /// Hands the result back; asks for the time only if the circuit has to be told.
    pub(super) fn report(&mut self, outcome: Outcome, now: impl FnOnce() -> Instant) {
        match self.leave {
            Leave::Flowing(epoch) => {
                self.leave = Leave::Spent;
                let began = self.waiting.and_then(|waiting| waiting.since);
                let may_be_slow = began.is_some() && self.breaker.heeds_slowness();
                if may_be_slow || !self.breaker.is_unmoved_by(epoch, outcome) {
                    self.breaker.exit_flowing(epoch, began, outcome, now());
                }
            }
            Leave::Admitted(_) => self.exit(Some(outcome), now()),
            Leave::Spent => {}
        }
    }

    #[cold]
    fn exit(&mut self, outcome: Option<Outcome>, now: Instant) {
        if let Leave::Admitted(admission) = std::mem::replace(&mut self.leave, Leave::Spent) {
            self.breaker.exit(*admission, outcome, now);
        }
    }

    #[cold]
    fn dropped(&mut self) {
        let now = now();
        let mut outcome = None;
        if let Some(Waiting { since, deadline }) = self.waiting {
            if let Some(since) = since {
                self.breaker.abandoned(now.saturating_duration_since(since));
            }
            let cut = deadline.is_some_and(|deadline| deadline <= now);
            outcome = cut.then_some(Outcome::failure(FailureKind::Timeout));
        }
        match outcome {
            Some(outcome) => self.report(outcome, || now),
            None => self.exit(None, now),
        }
    }
}

impl Drop for Ticket {
    /// A call dropped while it was under way is told of as abandoned. If its deadline had passed, somebody above cut it
    /// for being slow, and it counts as a time-out; otherwise it counts for nothing, and a probe gives its place back.
    fn drop(&mut self) {
        if !matches!(self.leave, Leave::Spent) {
            self.dropped();
        }
    }
}
