use std::time::Instant;

use seawall_core::{CallContext, Epoch, Outcome};

use super::ConcurrencyLimitHandle;
use crate::clock::now;

/// One of the places that the limit gives, to be given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// How many calls were under way when it was given, this one included.
    pub(super) in_flight: u32,
    pub(super) epoch: Epoch,
}

/// A place that is given back exactly once, when this is dropped at the latest.
#[derive(Debug)]
pub(super) struct Permit {
    limit: ConcurrencyLimitHandle,
    place: Option<Place>,
}

/// The permit of a call that is made, and what is known of the call.
#[derive(Debug)]
pub(super) struct Flight {
    permit: Permit,
    /// Whether the limit learns from calls; of what it does not learn from, nothing is kept.
    learns: bool,
    was_pending: bool,
    began: Option<Instant>,
    deadline: Option<Instant>,
}

impl Permit {
    pub(super) const fn new(limit: ConcurrencyLimitHandle, place: Place) -> Self {
        Self { limit, place: Some(place) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.limit.give_back(place);
        }
    }
}

impl Flight {
    pub(super) fn new(permit: Permit) -> Self {
        let learns = permit.limit.attention().learns;
        let deadline = if learns { CallContext::current_deadline() } else { None };
        Self { permit, learns, was_pending: false, began: None, deadline }
    }

    /// Says that the call is under way. One that is ready at once took no time worth a clock.
    pub(super) fn pending(&mut self) {
        if !self.was_pending {
            self.was_pending = true;
            self.began = self.permit.limit.attention().measures.then(now);
        }
    }

    /// Gives the place back, with what the call tells of the backend.
    pub(super) fn end(&mut self, outcome: impl FnOnce() -> Outcome) {
        // A classifier that panics leaves the place to the drop.
        let outcome = self.learns.then(outcome);
        if let Some(place) = self.permit.place.take() {
            self.permit.limit.leave(place, outcome, self.began);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(place) = self.permit.place.take() {
            // Dropped after its deadline, it was not answered in time; otherwise its caller lost interest.
            let overdue = self.was_pending && self.deadline.is_some_and(|deadline| deadline <= now());
            let outcome = overdue.then_some(Outcome::failure(seawall_core::FailureKind::Timeout));
            self.permit.limit.leave(place, outcome, self.began);
        }
    }
}
