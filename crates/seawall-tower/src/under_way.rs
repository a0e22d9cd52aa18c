use std::time::{Duration, Instant};

use seawall_core::CallContext;

use crate::clock::{WayOut, now};

/// A call that may have been pending: since when, and until when its caller waits. One that is ready at once needs no
/// clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UnderWay(Option<Waiting>);

#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    deadline: Option<Instant>,
}

/// How far a call had got when it was dropped while it was pending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropped {
    pub(crate) now: Instant,
    pub(crate) took: Duration,
    /// Its time was up: it was cut for being slow. Otherwise nobody knows how it would have ended.
    pub(crate) timed_out: bool,
}

impl UnderWay {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Says that the call is pending.
    pub(crate) fn pending(&mut self, way_out: &WayOut) {
        if self.0.is_none() {
            let deadline = CallContext::current_deadline();
            self.0 = Some(Waiting { since: way_out.now(), deadline });
        }
    }

    /// How long the call has taken; nothing if it was ready at once.
    pub(crate) fn took(self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |waiting| now.saturating_duration_since(waiting.since))
    }

    /// Looks at the clock when the call is dropped; `None` if it was never pending.
    pub(crate) fn dropped(self) -> Option<Dropped> {
        let deadline = self.0?.deadline;
        let now = now();
        let timed_out = deadline.is_some_and(|deadline| deadline <= now);
        Some(Dropped { now, took: self.took(now), timed_out })
    }
}
