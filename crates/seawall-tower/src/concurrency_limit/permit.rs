use std::time::Instant;

use seawall_core::{CallContext, Epoch, FailureKind, Outcome};

use super::ConcurrencyLimitHandle;
use crate::clock::{Place, WayIn, WayOut, now};

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
    /// Where the layer stands among those that share clock readings, if the limit learns from the call.
    place: Option<Place>,
    pub(super) epoch: Epoch,
    /// When it was pending first, if the limit learns from it.
    pub(super) began: Option<Instant>,
    /// Until when it makes sense, if the limit learns from it.
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
        let epoch = limit.epoch();
        Self {
            limit: Some(limit),
            in_flight,
            was_pending: false,
            place: None,
            epoch,
            began: None,
            deadline: None,
        }
    }

    /// Goes in, as far as the inner call. A limit that learns from it needs the clock on the way out.
    #[inline]
    pub(super) fn begin(&mut self) -> Option<WayIn> {
        let learns = self.limit.as_ref().is_some_and(|limit| limit.attention().learns);
        let way_in = learns.then(WayIn::open);
        if let Some(way_in) = &way_in {
            self.place = Some(way_in.place());
            self.deadline = CallContext::current_deadline();
        }
        way_in
    }

    /// Comes out, if the limit learns from the call: before the inner future is polled.
    #[inline]
    pub(super) fn way_out(&self) -> Option<WayOut> {
        self.place.map(Place::way_out)
    }

    /// Says that the call is under way. One that is ready at once took no time worth a clock.
    #[inline]
    pub(super) fn pending(&mut self, way_out: Option<&WayOut>) {
        if !self.was_pending {
            self.was_pending = true;
            self.began = way_out.map(WayOut::now);
        }
    }

    /// Gives the place back, with what the call tells of the backend.
    #[inline]
    pub(super) fn end(&mut self, way_out: Option<&WayOut>, outcome: impl FnOnce() -> Outcome) {
        // A classifier that panics leaves the place to the drop.
        let outcome = self.place.map(|_| outcome());
        if let Some(limit) = self.limit.take() {
            limit.leave(self, outcome, || way_out.map_or_else(now, WayOut::now));
        }
    }

    #[cold]
    fn abandoned(&mut self, limit: &ConcurrencyLimitHandle) {
        // Dropped after its deadline, it was not answered in time; otherwise its caller lost interest.
        let overdue = self.was_pending && self.deadline.is_some_and(|deadline| deadline <= now());
        limit.leave(self, overdue.then_some(Outcome::failure(FailureKind::Timeout)), now);
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
