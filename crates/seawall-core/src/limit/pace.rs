use std::time::Duration;

use super::{Limit, Sample};
use crate::{FailureKind, Outcome};

/// What a call that measures nothing is taken to take at the least: it may have been shed sooner than any timer could
/// space out.
const LEAST: Duration = Duration::from_millis(10);

/// How long calls take that are answered or time out: by half what it was, by half what the last one took.
///
/// Nothing else measures the backend's work: it sheds a call, or refuses a connection, in no time.
#[derive(Debug, Default)]
pub(super) struct Usual(Option<Duration>);

impl Usual {
    pub(super) fn record(&mut self, sample: &Sample) {
        // What was ready at once took no time.
        let took = sample.took.unwrap_or_default();
        if is_measure(took, sample.outcome) {
            self.0 = Some(self.0.map_or(took, |usual| usual / 2 + took / 2));
        }
    }
}

/// Whether the backend took the call's time. A time-out in no time is somebody's who did not ask it.
fn is_measure(took: Duration, outcome: Option<Outcome>) -> bool {
    outcome.is_some_and(|outcome| match outcome.failure_kind() {
        None | Some(FailureKind::Permanent) => true,
        Some(FailureKind::Timeout) => !took.is_zero(),
        Some(_) => false,
    })
}

impl Limit {
    /// How long to wait after a call that took so long and ended so before the next is made, so that on average
    /// [`limit`](Self::limit) calls are under way. Zero from 1 upwards, never more than
    /// [`LimitConfig::max_pause`](super::LimitConfig::max_pause).
    ///
    /// A call that was neither answered nor timed out says nothing of how long calls take. It is taken to have taken as
    /// long as those do, and 10 ms at the least: a backend that sheds quickly is not called the more often for it. If it
    /// says for how long it wants to be left alone (`Retry-After`), the pause is not shorter than that.
    pub fn pace(&self, took: Duration, outcome: Option<Outcome>) -> Duration {
        if self.calls >= 1.0 {
            return Duration::ZERO;
        }
        let longest = self.config.max_pause;
        let took = if is_measure(took, outcome) {
            took
        } else {
            took.max(self.usual.0.unwrap_or_default()).max(LEAST)
        };
        let spacing = took.as_secs_f64() * (1.0 / self.calls - 1.0);
        let spacing = Duration::try_from_secs_f64(spacing).unwrap_or(longest);
        let asked = match outcome.and_then(Outcome::failure_kind) {
            Some(FailureKind::Overloaded { retry_after }) => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        spacing.max(asked).min(longest)
    }
}
