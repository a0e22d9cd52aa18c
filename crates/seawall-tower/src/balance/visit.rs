use std::sync::Arc;
use std::time::Instant;

use seawall_core::{Epoch, FailureKind, Outcome};

use super::BalanceHandle;
use super::endpoint::Endpoint;
use crate::clock::WayOut;
use crate::under_way::{Dropped, UnderWay};

/// A call that is under way at an endpoint. It counts as one until it has reported or is dropped.
pub(super) struct Visit<S> {
    handle: BalanceHandle<S>,
    endpoint: Arc<Endpoint<S>>,
    epoch: Epoch,
    under_way: UnderWay,
    done: bool,
}

impl<S> Visit<S> {
    pub(super) fn new(handle: BalanceHandle<S>, endpoint: Arc<Endpoint<S>>) -> Self {
        endpoint.begin();
        let epoch = endpoint.epoch();
        Self { handle, endpoint, epoch, under_way: UnderWay::new(), done: false }
    }

    pub(super) fn pending(&mut self, way_out: &WayOut) {
        self.under_way.pending(way_out);
    }

    pub(super) fn report(&mut self, outcome: Outcome, now: Instant) {
        self.done = true;
        self.endpoint.end();
        self.handle.record(&self.endpoint, self.epoch, outcome, self.under_way.took(now), now);
    }
}

impl<S> Drop for Visit<S> {
    /// A call that was dropped because its time was up says that the endpoint was too slow. Of any other nobody knows how
    /// it would have ended, only that it took so long.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        match self.under_way.dropped() {
            Some(Dropped { now, timed_out: true, .. }) => {
                self.report(Outcome::failure(FailureKind::Timeout), now);
            }
            Some(Dropped { now, took, .. }) => {
                self.endpoint.end();
                self.endpoint.record_at_least(took, now);
            }
            None => self.endpoint.end(),
        }
    }
}
