use std::sync::Arc;
use std::time::Instant;

use seawall_core::{CallContext, Epoch, FailureKind, Outcome};

use super::BalanceHandle;
use super::endpoint::Endpoint;
use crate::clock::{Stopwatch, now};
use crate::too_late::came_too_late;

/// A call that is under way at an endpoint. It counts as one until it has reported or is dropped.
pub(super) struct Visit<S> {
    handle: BalanceHandle<S>,
    endpoint: Arc<Endpoint<S>>,
    epoch: Epoch,
    deadline: Option<Instant>,
    watch: Stopwatch,
    done: bool,
}

impl<S> Visit<S> {
    pub(super) fn new(handle: BalanceHandle<S>, endpoint: Arc<Endpoint<S>>) -> Self {
        endpoint.begin();
        let (epoch, deadline) = (endpoint.epoch(), CallContext::current_deadline());
        Self { handle, endpoint, epoch, deadline, watch: Stopwatch::new(), done: false }
    }

    pub(super) fn pending(&mut self) {
        self.watch.pending();
    }

    pub(super) fn report(&mut self, outcome: Outcome) {
        self.done = true;
        self.endpoint.end();
        let now = now();
        if self.watch.has_run() || !came_too_late(outcome, now) {
            self.handle.record(&self.endpoint, self.epoch, outcome, self.watch.elapsed(now), now);
        }
    }
}

impl<S> Drop for Visit<S> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.endpoint.end();
        // A call that was dropped because its time was up says that the endpoint was too slow; any other says nothing.
        if let Some(deadline) = self.deadline
            && self.watch.has_run()
        {
            let now = now();
            if now >= deadline {
                let timeout = Outcome::failure(FailureKind::Timeout);
                self.handle.record(&self.endpoint, self.epoch, timeout, self.watch.elapsed(now), now);
            }
        }
    }
}
