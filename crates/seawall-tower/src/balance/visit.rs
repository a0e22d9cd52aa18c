use std::sync::Arc;
use std::time::Instant;

use seawall_core::{CallContext, Epoch, FailureKind, Outcome};

use super::BalanceHandle;
use super::endpoint::Endpoint;
use crate::clock::{WayOut, now};

/// A call that is under way at an endpoint. It counts as one until it has reported or is dropped.
pub(super) struct Visit<S> {
    handle: BalanceHandle<S>,
    endpoint: Arc<Endpoint<S>>,
    epoch: Epoch,
    waiting: Option<Waiting>,
    done: bool,
}

/// A call that was pending: since when, and until when its caller waits.
#[derive(Clone, Copy)]
struct Waiting {
    since: Instant,
    deadline: Option<Instant>,
}

impl<S> Visit<S> {
    pub(super) fn new(handle: BalanceHandle<S>, endpoint: Arc<Endpoint<S>>) -> Self {
        endpoint.begin();
        let epoch = endpoint.epoch();
        Self { handle, endpoint, epoch, waiting: None, done: false }
    }

    pub(super) fn pending(&mut self, way_out: &WayOut) {
        if self.waiting.is_none() {
            let deadline = CallContext::current_deadline();
            self.waiting = Some(Waiting { since: way_out.now(), deadline });
        }
    }

    pub(super) fn report(&mut self, outcome: Outcome, now: Instant) {
        self.done = true;
        self.endpoint.end();
        let took = self.waiting.map(|waiting| now.saturating_duration_since(waiting.since));
        self.handle.record(&self.endpoint, self.epoch, outcome, took.unwrap_or_default(), now);
    }
}

impl<S> Drop for Visit<S> {
    /// A call that was dropped because its time was up says that the endpoint was too slow. Of any other nobody knows how
    /// it would have ended, only that it took so long.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Some(Waiting { since, deadline }) = self.waiting else {
            self.endpoint.end();
            return;
        };
        let now = now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.report(Outcome::failure(FailureKind::Timeout), now);
        } else {
            self.endpoint.end();
            self.endpoint.record_at_least(now.saturating_duration_since(since), now);
        }
    }
}
