use std::time::{Duration, Instant};

use seawall_core::Fate;

/// How long a call may wait, for its permit and for the pause before it may use it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) began: Instant,
    /// As the queue was configured then.
    pub(super) longest: Option<Duration>,
    pub(super) deadline: Option<Instant>,
}

/// A call that is not let in: why, when it is worth asking again, and after how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) reason: &'static str,
    pub(super) retry_after: Option<Duration>,
    pub(super) waited: Duration,
}

impl Patience {
    /// When it ends, if ever.
    pub(super) fn until(&self) -> Option<Instant> {
        self.overdue_at().into_iter().chain(self.deadline).min()
    }

    /// Why a pause until then is not waited for, if it is not: somebody else may have the time.
    pub(super) fn outlasted_by(&self, opens: Instant, now: Instant) -> Option<Refused> {
        let reason = if self.deadline.is_some_and(|deadline| deadline <= opens) {
            "the deadline comes before the pause between calls is over"
        } else if self.overdue_at().is_some_and(|overdue_at| overdue_at < opens) {
            "the pause between calls is longer than a call may wait"
        } else {
            return None;
        };
        let retry_after = Some(opens.saturating_duration_since(now));
        Some(Refused { reason, retry_after, waited: self.waited(now) })
    }

    /// Its end has come.
    pub(super) fn exhausted(&self, now: Instant) -> Refused {
        self.refused(if self.is_expired(now) { Fate::Expired } else { Fate::Overdue }, now)
    }

    pub(super) fn refused(&self, fate: Fate, now: Instant) -> Refused {
        let reason = match fate {
            Fate::Expired => "deadline passed while waiting for a permit",
            Fate::Overdue => "waited too long for a permit",
            Fate::Displaced | Fate::Served => "queue is full",
        };
        Refused { reason, retry_after: None, waited: self.waited(now) }
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    pub(super) fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    fn overdue_at(&self) -> Option<Instant> {
        self.longest.and_then(|longest| self.began.checked_add(longest))
    }
}
