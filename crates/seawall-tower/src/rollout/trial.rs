use std::time::Instant;

use seawall_core::{Arm, CallContext, Epoch, FailureKind, Outcome};

use super::RolloutHandle;
use crate::clock::{WayOut, now};

/// A call that will tell how its stack did.
#[derive(Debug)]
pub(super) struct Trial {
    handle: RolloutHandle,
    pub(super) arm: Arm,
    epoch: Epoch,
    waiting: Option<Waiting>,
    done: bool,
}

/// A call under way: since when, and until when its caller waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    deadline: Option<Instant>,
}

impl Trial {
    pub(super) const fn new(handle: RolloutHandle, arm: Arm, epoch: Epoch) -> Self {
        Self { handle, arm, epoch, waiting: None, done: false }
    }

    /// Says that the call is under way.
    pub(super) fn pending(&mut self, way_out: &WayOut) {
        if self.waiting.is_none() {
            let deadline = CallContext::current_deadline();
            self.waiting = Some(Waiting { since: way_out.now(), deadline });
        }
    }

    pub(super) fn report(&mut self, outcome: Outcome, now: Instant) {
        self.done = true;
        let took = self.waiting.map(|waiting| now.saturating_duration_since(waiting.since));
        self.handle.record(self.arm, self.epoch, outcome, took.unwrap_or_default(), now);
    }
}

impl Drop for Trial {
    /// A call that was dropped because its time was up has timed out. Of any other that was under way nobody knows how it
    /// would have ended, only that it took so long.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let Some(Waiting { since, deadline }) = self.waiting else { return };
        let now = now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.report(Outcome::failure(FailureKind::Timeout), now);
        } else {
            self.handle.abandon(self.arm, self.epoch, now.saturating_duration_since(since), now);
        }
    }
}
