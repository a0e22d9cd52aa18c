use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use seawall_core::Error;

use crate::clock::{Moment, nanoseconds};
use crate::versions::Versions;
use crate::{Tags, Ttl, Value, early};

/// What is kept under a key. Every hit copies one and every set moves three, so it is small: what few entries have is
/// behind a pointer.
pub(crate) enum Entry<V> {
    /// Serves until that moment, and is of no use after.
    Plain(V, Moment),
    /// One that has something before its end, or after it, or other ends.
    Rich(Arc<Rich<V>>),
}

/// A glance at the entry, as look-ups take it: as long as one needs nothing but the value, it looks plain. Threads that
/// share a rich one would wait for each other to count who holds it. See [`Entry::whole`].
impl<V: Value> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Plain(value, end) => Self::Plain(value.share(), *end),
            Self::Rich(rich) => match &rich.value {
                Some(value) if rich.terms.quiet_until > 0 => {
                    Self::Plain(value.share(), rich.terms.quiet_until)
                }
                _ => Self::Rich(Arc::clone(rich)),
            },
        }
    }
}

pub(crate) struct Rich<V> {
    /// Nothing, if it is a failure that is remembered.
    value: Option<V>,
    terms: Terms,
}

/// What decides how long an entry is of use.
#[derive(Clone)]
struct Terms {
    /// Until then a look-up needs nothing but the value; zero if every one has to read these.
    quiet_until: Moment,
    fresh_until: Moment,
    /// Until then it may be served while it is renewed.
    stale_until: Moment,
    /// Until then it is better than the failure of a load.
    error_until: Moment,
    /// Until then it is not to be renewed, because a load has just failed.
    rests_until: Moment,
    /// How long the value took to make, in nanoseconds; zero if nobody knows.
    cost: u64,
    tags: Tags,
    /// What the counter of the [`Versions`] showed before the value was read.
    seen: u64,
    idle: Option<Idle>,
    failure: Option<Arc<Error>>,
}

struct Idle {
    limit: u64,
    used: AtomicU64,
}

impl Clone for Idle {
    fn clone(&self) -> Self {
        Self { limit: self.limit, used: self.used.load(Relaxed).into() }
    }
}

/// What decides how long an entry lives, beside its [`Ttl`].
pub(crate) struct Circumstances {
    pub(crate) now: Moment,
    /// How old the value is, in nanoseconds.
    pub(crate) age: u64,
    /// How long memory may answer before the second tier is asked again, in nanoseconds.
    pub(crate) memory_time: Option<u64>,
    pub(crate) cost: u64,
    pub(crate) beta: f64,
    pub(crate) tags: Tags,
    pub(crate) seen: u64,
}

impl<V> Entry<V> {
    pub(crate) fn new(value: V, ttl: Ttl, given: Circumstances) -> Self {
        let Circumstances { now, age, memory_time, cost, beta, tags, seen } = given;
        let end = (now + ttl.fresh).saturating_sub(age);
        let fresh_until = memory_time.map_or(end, |time| end.min(now + time));
        // What was cut short only so that the second tier is asked is no worse than what that may answer.
        let stale_until = if ttl.stale == 0 { fresh_until } else { end + ttl.stale };
        let error_until = stale_until.max(end + ttl.on_error);
        let is_watched = ttl.idle.is_some() || !tags.is_empty();
        if cost == 0 && error_until == fresh_until && !is_watched {
            return Self::Plain(value, fresh_until);
        }
        let quiet_until = if is_watched { 0 } else { early::begins(fresh_until, cost, beta) };
        let idle = ttl.idle.map(|limit| Idle { limit: nanoseconds(limit), used: now.into() });
        let ends = Terms::that_end_at(fresh_until);
        let terms = Terms { quiet_until, stale_until, error_until, cost, tags, seen, idle, ..ends };
        Self::Rich(Arc::new(Rich { value: Some(value), terms }))
    }

    pub(crate) fn of_failure(error: Arc<Error>, time: Duration, now: Moment) -> Self {
        let terms = Terms { failure: Some(error), ..Terms::that_end_at(now + nanoseconds(time)) };
        Self::Rich(Arc::new(Rich { value: None, terms }))
    }

    /// The same entry, left alone for `time` after a load that failed.
    pub(crate) fn rested(self, time: Duration, now: Moment) -> Self
    where
        V: Value,
    {
        let (value, mut terms) = match self {
            Self::Plain(value, end) => (Some(value), Terms::that_end_at(end)),
            Self::Rich(rich) => (rich.value.as_ref().map(V::share), rich.terms.clone()),
        };
        terms.rests_until = (now + nanoseconds(time)).min(terms.error_until);
        terms.stale_until = terms.stale_until.max(terms.rests_until);
        Self::Rich(Arc::new(Rich { value, terms }))
    }

    /// Whether it is more than a glance for certain.
    pub(crate) const fn is_whole(&self) -> bool {
        matches!(self, Self::Rich(_))
    }

    pub(crate) fn whole(&self) -> Self
    where
        V: Value,
    {
        match self {
            Self::Plain(value, end) => Self::Plain(value.share(), *end),
            Self::Rich(rich) => Self::Rich(Arc::clone(rich)),
        }
    }

    pub(crate) fn value(&self) -> Option<&V> {
        match self {
            Self::Plain(value, _) => Some(value),
            Self::Rich(rich) => rich.value.as_ref(),
        }
    }
}

/// What a whole entry says.
impl<V> Entry<V> {
    pub(crate) fn fresh_until(&self) -> Moment {
        self.ask(|terms| terms.fresh_until)
    }

    /// Until then it may be served, while it is renewed if it is not fresh any more.
    pub(crate) fn stale_until(&self) -> Moment {
        self.ask(|terms| terms.stale_until)
    }

    /// How long the value took to make, in nanoseconds.
    pub(crate) fn cost(&self) -> u64 {
        self.terms().map_or(0, |terms| terms.cost)
    }

    /// The failure that is remembered in place of a value.
    pub(crate) fn failure(&self) -> Option<&Arc<Error>> {
        self.terms().and_then(|terms| terms.failure.as_ref())
    }

    /// Whether a look-up need not think of renewing it.
    pub(crate) fn is_quiet(&self, now: Moment, beta: f64) -> bool {
        let rests_until = self.terms().map_or(0, |terms| terms.rests_until);
        now < early::begins(self.fresh_until(), self.cost(), beta).max(rests_until)
    }

    /// Whether no look-up after `now` can find a use for it: its time, its tags or its idle time have ended it.
    pub(crate) fn is_over(&self, now: Moment, versions: &Versions) -> bool {
        self.ask(|terms| terms.error_until) <= now
            || self.terms().is_some_and(|terms| !terms.hold(now, versions))
    }

    /// Notes that somebody asked for it.
    pub(crate) fn touch(&self, now: Moment) {
        if let Some(Terms { idle: Some(idle), .. }) = self.terms()
            && idle.used.load(Relaxed) < now
        {
            idle.used.store(now, Relaxed);
        }
    }

    fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Plain(..) => None,
            Self::Rich(rich) => Some(&rich.terms),
        }
    }

    /// A moment of the terms; a plain entry has only one.
    fn ask(&self, which: fn(&Terms) -> Moment) -> Moment {
        match self {
            Self::Plain(_, end) => *end,
            Self::Rich(rich) => which(&rich.terms),
        }
    }
}

impl Terms {
    const fn that_end_at(end: Moment) -> Self {
        Self {
            quiet_until: 0,
            fresh_until: end,
            stale_until: end,
            error_until: end,
            rests_until: 0,
            cost: 0,
            tags: Tags::NONE,
            seen: 0,
            idle: None,
            failure: None,
        }
    }

    fn hold(&self, now: Moment, versions: &Versions) -> bool {
        let is_used = |idle: &Idle| now < idle.used.load(Relaxed).saturating_add(idle.limit);
        versions.hold(self.tags.hashes(), self.seen) && self.idle.as_ref().is_none_or(is_used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_no_larger_than_it_was_made() {
        assert_eq!(size_of::<Entry<Arc<str>>>(), 24);
        assert_eq!(size_of::<Entry<u64>>(), 24);
    }
}
