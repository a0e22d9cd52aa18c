use std::time::Duration;

use crate::{Epoch, FailureKind, Outcome};

/// What one call tells a [`Limit`](super::Limit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The limit's [`epoch`](super::Limit::epoch) when the call was admitted.
    pub epoch: Epoch,
    /// How many calls were under way when it was admitted, itself included.
    pub in_flight: u32,
    /// How long it took; `None` if that was not measured, because it was ready at once.
    pub took: Option<Duration>,
    /// How it ended; `None` if it was dropped, which says nothing.
    pub outcome: Option<Outcome>,
}

/// What a sample says about the backend's load.
pub(super) enum Verdict {
    /// It answered: it bears this much.
    Answered { measured: Option<Duration> },
    /// It did not, or said that it has too much to do.
    Overloaded { timeout: Option<Duration> },
    /// A failure that comes fast, a refusal of our own, a caller who was too late, a drop: nothing.
    Nothing,
}

impl Sample {
    pub(super) const fn verdict(&self) -> Verdict {
        match self.outcome {
            Some(Outcome::Success) => Verdict::Answered { measured: self.took },
            Some(Outcome::Failure(failure)) => match failure.kind {
                // Refused at once on the way, because its caller had no time left: nobody asked the backend.
                FailureKind::Timeout if self.took.is_none() && !failure.may_have_executed => Verdict::Nothing,
                FailureKind::Timeout => Verdict::Overloaded { timeout: self.took },
                FailureKind::Overloaded { .. } => Verdict::Overloaded { timeout: None },
                // An answer; but bad input is found out sooner than good input is worked on.
                FailureKind::Permanent => Verdict::Answered { measured: None },
                FailureKind::Transient | FailureKind::Cancelled | FailureKind::Refused => Verdict::Nothing,
            },
            None => Verdict::Nothing,
        }
    }

    /// Whether so few calls were under way that the limit held nobody back: they say nothing about a higher one.
    ///
    /// The call itself counts, so that a limit below 2 is never out of reach.
    pub(super) fn is_below_half(&self, limit: f64) -> bool {
        f64::from(self.in_flight) * 2.0 < limit
    }
}
