use std::time::{Duration, Instant};

use crate::tally::Tally;
use crate::time_window::TimeWindow;

/// How one stack did in the window: the calls it answered, and apart from them those that were dropped for its slowness,
/// of which nobody knows whether they would have failed.
#[derive(Clone, Debug)]
pub(super) struct Track {
    answers: TimeWindow,
    abandoned: TimeWindow,
}

impl Track {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        let window = TimeWindow::new(window, now);
        Self { answers: window.clone(), abandoned: window }
    }

    pub(super) fn answered(&mut self, failed: bool, slow: bool, now: Instant) {
        self.answers.record(failed, slow, now);
    }

    pub(super) fn abandoned(&mut self, now: Instant) {
        self.abandoned.record(false, true, now);
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.answers.advance(now);
        self.abandoned.advance(now);
    }

    /// The calls that say how often the stack fails.
    pub(super) const fn answers(&self) -> Tally {
        self.answers.sum()
    }

    /// The calls that say how often it is slow.
    pub(super) fn all(&self) -> Tally {
        let mut all = self.answers.sum();
        all += self.abandoned.sum();
        all
    }

    pub(super) fn resized(&self, window: Duration, now: Instant) -> Self {
        Self { answers: self.answers.resized(window, now), abandoned: self.abandoned.resized(window, now) }
    }
}
