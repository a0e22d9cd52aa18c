use std::time::Instant;

use seawall_core::{CallContext, Epoch, FailureKind, Outcome};

use super::ConcurrencyLimitHandle;
use crate::clock::{Place, WayOut, now};

/// One of the places that the limit gives. Dropped, it is given back.
#[derive(Debug)]
pub struct Permit {
    limit: ConcurrencyLimitHandle,
    in_flight: Option<u32>,
}

/// A call that is made in such a place. The place is given back exactly once: when the call has ended, or when this is
/// dropped.
#[derive(Debug)]
pub(super) struct Call {
    /// None once it has ended.
    limit: Option<ConcurrencyLimitHandle>,
    in_flight: u32,
    /// None if the limit does not learn from it.
    lesson: Option<Lesson>,
}

/// What a limit that learns wants to know of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lesson {
    /// How many calls were under way when it was let in, itself included.
    pub(super) in_flight: u32,
    pub(super) epoch: Epoch,
    /// When it was pending first. One that is ready at once took no time worth a clock.
    pub(super) began: Option<Instant>,
    /// Until when it makes sense.
    deadline: Option<Instant>,
    /// Where the layer stands among those that share clock readings.
    place: Place,
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
    pub(super) const fn unlearned(limit: ConcurrencyLimitHandle, in_flight: u32) -> Self {
        Self { limit: Some(limit), in_flight, lesson: None }
    }

    pub(super) fn learned(limit: ConcurrencyLimitHandle, in_flight: u32, place: Place) -> Self {
        let (epoch, deadline) = (limit.epoch(), CallContext::current_deadline());
        let lesson = Lesson { in_flight, epoch, began: None, deadline, place };
        Self { limit: Some(limit), in_flight, lesson: Some(lesson) }
    }

    /// Comes out of the inner future. A limit that learns needs the clock there: ask before the future is polled.
    #[inline]
    pub(super) fn way_out(&self) -> Option<WayOut> {
        self.lesson.as_ref().map(|lesson| lesson.place.way_out())
    }

    /// Says that the call is under way.
    pub(super) fn pending(&mut self, way_out: &WayOut) {
        if let Some(lesson) = &mut self.lesson {
            lesson.began.get_or_insert_with(|| way_out.now());
        }
    }

    /// Gives the place back, and tells nothing.
    #[inline]
    pub(super) fn end(&mut self) {
        if let Some(limit) = self.limit.take() {
            limit.give_back(self.in_flight);
        }
    }

    /// Gives the place back, with what the call tells of the backend.
    pub(super) fn end_with(&mut self, outcome: Outcome, now: impl FnOnce() -> Instant) {
        match (self.limit.take(), &self.lesson) {
            (Some(limit), Some(lesson)) => limit.leave(lesson, Some(outcome), now),
            (Some(limit), None) => limit.give_back(self.in_flight),
            (None, _) => {}
        }
    }

    #[cold]
    fn abandoned(&self, limit: &ConcurrencyLimitHandle) {
        let Some(lesson) = &self.lesson else { return limit.give_back(self.in_flight) };
        // Dropped after its deadline, it was not answered in time; otherwise its caller lost interest.
        let overdue = lesson.began.is_some() && lesson.deadline.is_some_and(|deadline| deadline <= now());
        limit.leave(lesson, overdue.then_some(Outcome::failure(FailureKind::Timeout)), now);
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
