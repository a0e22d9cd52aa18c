use std::time::Instant;

use seawall_core::{CallContext, Epoch, FailureKind, Outcome};

use super::ConcurrencyLimitHandle;
use crate::clock::now;

/// One of the places that the limit gives. Dropped, it is given back.
#[derive(Debug)]
pub(super) struct Permit {
    limit: ConcurrencyLimitHandle,
    in_flight: Option<u32>,
}

/// A call that is made in such a place. The place is given back exactly once: when the call has ended, or when this is
/// dropped.
#[derive(Debug)]
pub(super) struct Call {
    /// None once it has ended.
    limit: Option<ConcurrencyLimitHandle>,
    /// How many calls were under way when it was let in, itself included.
    pub(super) in_flight: u32,
    was_pending: bool,
    pub(super) epoch: Epoch,
    pub(super) began: Option<Instant>,
    /// Until when the call makes sense, if the limit learns from calls.
    deadline: Option<Instant>,
}

impl Permit {
    pub(super) const fn new(limit: ConcurrencyLimitHandle, in_flight: u32) -> Self {
        Self { limit, in_flight: Some(in_flight) }
    }

    /// Leaves it to somebody else to give the place back.
    pub(super) fn keep(mut self) -> u32 {
        self.in_flight.take().expect("it is taken only here, by value")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(in_flight) = self.in_flight.take() {
            self.limit.give_back(in_flight);
        }
    }
}

impl Call {
    #[inline]
    pub(super) fn new(limit: ConcurrencyLimitHandle, in_flight: u32) -> Self {
        let deadline = if limit.attention().learns { CallContext::current_deadline() } else { None };
        let epoch = limit.epoch();
        Self { limit: Some(limit), in_flight, was_pending: false, epoch, began: None, deadline }
    }

    /// Says that the call is under way. One that is ready at once took no time worth a clock.
    #[inline]
    pub(super) fn pending(&mut self) {
        if !self.was_pending {
            self.was_pending = true;
            if self.limit.as_ref().is_some_and(|limit| limit.attention().measures) {
                self.began = Some(now());
            }
        }
    }

    /// Gives the place back, with what the call tells of the backend.
    #[inline]
    pub(super) fn end(&mut self, outcome: impl FnOnce() -> Outcome) {
        // A classifier that panics leaves the place to the drop.
        let learns = self.limit.as_ref().is_some_and(|limit| limit.attention().learns);
        let outcome = learns.then(outcome);
        if let Some(limit) = self.limit.take() {
            limit.leave(self, outcome);
        }
    }

    #[cold]
    fn abandoned(&mut self, limit: &ConcurrencyLimitHandle) {
        // Dropped after its deadline, it was not answered in time; otherwise its caller lost interest.
        let overdue = self.was_pending && self.deadline.is_some_and(|deadline| deadline <= now());
        limit.leave(self, overdue.then_some(Outcome::failure(FailureKind::Timeout)));
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if let Some(limit) = self.limit.take() {
            self.abandoned(&limit);
        }
    }
}
