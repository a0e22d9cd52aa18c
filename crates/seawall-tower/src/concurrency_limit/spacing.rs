use std::time::{Duration, Instant};

use seawall_core::{FailureKind, Outcome, Priority};

/// How calls are spaced out below a limit of 1: when the next may start, and what urgent ones owe that did not wait.
#[derive(Debug, Default)]
pub(super) struct Spacing {
    /// When the next call may start.
    opens: Option<Instant>,
    /// Whether an urgent call is under way that did not wait for that.
    ahead: bool,
    /// Whether the last call that says anything of the backend's load met overload.
    unwell: bool,
}

impl Spacing {
    /// The end of the pause under way.
    pub(super) fn opens_after(&self, now: Instant) -> Option<Instant> {
        self.opens.filter(|&opens| opens > now)
    }

    /// Whether a call is under way that went ahead of a pause.
    pub(super) const fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// A call goes ahead of the pause.
    pub(super) const fn go_ahead(&mut self) {
        self.ahead = true;
    }

    /// Nobody is under way any more.
    pub(super) const fn all_have_left(&mut self) {
        self.ahead = false;
    }

    /// How much sooner than at the end of a pause a call of that class may go, if none is to be longer than that. The
    /// pauses of such calls add up, so that on average they are spaced out like all others; it is the less urgent ones
    /// that wait for it. A backend that does not answer is not called by more of them than there are pauses.
    pub(super) fn credit(&self, class: Option<Priority>, longest: Duration) -> Duration {
        match class {
            Some(Priority::Critical) if self.unwell => longest,
            Some(Priority::Critical) => longest * 2,
            Some(Priority::High) => longest / 2,
            _ => Duration::ZERO,
        }
    }

    /// A call has ended, and such a pause is to follow.
    pub(super) fn ended(&mut self, outcome: Option<Outcome>, pause: Duration, now: Instant) {
        match outcome.map(Outcome::failure_kind) {
            Some(None | Some(FailureKind::Permanent)) => self.unwell = false,
            Some(Some(FailureKind::Timeout | FailureKind::Overloaded { .. })) => self.unwell = true,
            _ => {}
        }
        // What went ahead of a pause is paid for after it. Of several that end when the limit is below 1 at last, none
        // shortens the pause of another.
        let from = if std::mem::take(&mut self.ahead) { self.opens.max(Some(now)) } else { Some(now) };
        self.opens = self.opens.max(from.and_then(|from| from.checked_add(pause)));
    }

    /// The limit has moved. What is owed was reckoned by the lower one, so it shrinks with the time between calls.
    pub(super) fn moved(&mut self, from: f64, to: f64, now: Instant) {
        let between = |limit: f64| (1.0 / limit - 1.0).max(0.0);
        if let Some(opens) = self.opens_after(now)
            && to > from
            && from < 1.0
        {
            let owed = opens.saturating_duration_since(now).mul_f64(between(to) / between(from));
            self.opens = now.checked_add(owed);
        }
    }
}
