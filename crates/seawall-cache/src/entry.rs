use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use seawall_core::Error;

use crate::clock::{Moment, nanoseconds};
use crate::versions::Versions;
use crate::{Tags, Ttl, Value, early};

/// What is kept under a key. Cloned by every hit, so what few entries have is behind one pointer.
pub(crate) struct Entry<V> {
    pub(crate) kept: Kept<V>,
    /// Until then a look-up need not think of renewing it.
    pub(crate) quiet_until: Moment,
    pub(crate) fresh_until: Moment,
    pub(crate) stale_until: Moment,
    /// Until then it is better than the failure of a load.
    pub(crate) error_until: Moment,
    /// How long the value took to make, in nanoseconds; zero if nobody knows.
    pub(crate) cost: u64,
    pub(crate) ties: Option<Arc<Ties>>,
}

pub(crate) enum Kept<V> {
    Value(V),
    Failure(Arc<Error>),
}

impl<V: Value> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        let kept = match &self.kept {
            Kept::Value(value) => Kept::Value(value.share()),
            Kept::Failure(error) => Kept::Failure(Arc::clone(error)),
        };
        Self { kept, ties: self.ties.clone(), ..*self }
    }
}

/// What else an entry hangs on.
pub(crate) struct Ties {
    tags: Tags,
    /// What the counter of the [`Versions`] showed before the value was read.
    seen: u64,
    idle: Option<Idle>,
}

struct Idle {
    limit: u64,
    used: AtomicU64,
}

/// What decides how long an entry lives, beside its [`Ttl`].
pub(crate) struct Circumstances {
    pub(crate) now: Moment,
    /// How old the value is, in nanoseconds.
    pub(crate) age: u64,
    /// How long memory may answer before the second tier is asked again.
    pub(crate) memory_time: Option<Duration>,
    pub(crate) cost: u64,
    pub(crate) beta: f64,
    pub(crate) tags: Tags,
    pub(crate) seen: u64,
}

impl<V> Entry<V> {
    pub(crate) fn new(value: V, ttl: Ttl, given: Circumstances) -> Self {
        let Circumstances { now, age, memory_time, cost, beta, tags, seen } = given;
        let end = (now + nanoseconds(ttl.fresh)).saturating_sub(age);
        let fresh_until = memory_time.map_or(end, |time| end.min(now + nanoseconds(time)));
        // What was cut short only so that the second tier is asked is no worse than what that may answer.
        let stale_until = if ttl.stale.is_zero() { fresh_until } else { end + nanoseconds(ttl.stale) };
        let idle = ttl.idle.map(|limit| Idle { limit: nanoseconds(limit), used: AtomicU64::new(now) });
        Self {
            kept: Kept::Value(value),
            quiet_until: early::begins(fresh_until, cost, beta),
            fresh_until,
            stale_until,
            error_until: stale_until.max(end + nanoseconds(ttl.on_error)),
            cost,
            ties: (idle.is_some() || !tags.is_empty()).then(|| Arc::new(Ties { tags, seen, idle })),
        }
    }

    pub(crate) fn failure(error: Arc<Error>, time: Duration, now: Moment) -> Self {
        let until = now + nanoseconds(time);
        Self {
            kept: Kept::Failure(error),
            quiet_until: until,
            fresh_until: until,
            stale_until: until,
            error_until: until,
            cost: 0,
            ties: None,
        }
    }

    /// The same entry, left alone for `time` after a load that failed.
    pub(crate) fn rested(mut self, time: Duration, now: Moment) -> Self {
        self.quiet_until = (now + nanoseconds(time)).min(self.error_until);
        self.stale_until = self.stale_until.max(self.quiet_until);
        self
    }

    /// Whether no look-up after `now` can find a use for it.
    pub(crate) fn is_over(&self, now: Moment, versions: &Versions) -> bool {
        self.error_until <= now || !self.holds(now, versions)
    }

    /// Whether neither its tags nor its idle time have ended it.
    #[inline]
    pub(crate) fn holds(&self, now: Moment, versions: &Versions) -> bool {
        self.ties.as_ref().is_none_or(|ties| {
            versions.hold(ties.tags.hashes(), ties.seen)
                && ties
                    .idle
                    .as_ref()
                    .is_none_or(|idle| now < idle.used.load(Relaxed).saturating_add(idle.limit))
        })
    }

    /// Notes that somebody asked for it.
    #[inline]
    pub(crate) fn touch(&self, now: Moment) {
        if let Some(Ties { idle: Some(idle), .. }) = self.ties.as_deref()
            && idle.used.load(Relaxed) < now
        {
            idle.used.store(now, Relaxed);
        }
    }
}
