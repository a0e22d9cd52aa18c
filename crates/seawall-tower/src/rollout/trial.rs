use std::time::Instant;

use seawall_core::{Arm, Epoch, FailureKind, Outcome};

use super::RolloutHandle;
use crate::clock::WayOut;
use crate::under_way::{Dropped, UnderWay};

/// A call that will tell how its stack did.
#[derive(Debug)]
pub(super) struct Trial {
    handle: RolloutHandle,
    pub(super) arm: Arm,
    epoch: Epoch,
    under_way: UnderWay,
    done: bool,
}

impl Trial {
    pub(super) const fn new(handle: RolloutHandle, arm: Arm, epoch: Epoch) -> Self {
        Self { handle, arm, epoch, under_way: UnderWay::new(), done: false }
    }

    /// Says that the call is under way.
    pub(super) fn pending(&mut self, way_out: &WayOut) {
        self.under_way.pending(way_out);
    }

    pub(super) fn report(&mut self, outcome: Outcome, now: Instant) {
        self.done = true;
        self.handle.record(self.arm, self.epoch, outcome, self.under_way.took(now), now);
    }
}

impl Drop for Trial {
    /// A call that was dropped because its time was up has timed out. Of any other that was under way nobody knows how it
    /// would have ended, only that it took so long.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        match self.under_way.dropped() {
            Some(Dropped { now, timed_out: true, .. }) => {
                self.report(Outcome::failure(FailureKind::Timeout), now);
            }
            Some(Dropped { now, took, .. }) => self.handle.abandon(self.arm, self.epoch, took, now),
            None => {}
        }
    }
}
