use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use seawall_core::Error;

use crate::clock::{Moment, nanoseconds};
use crate::versions::Versions;
use crate::{Tags, Ttl, Value, early};

/// What is kept under a key. Every hit copies one and every set moves three, so it is small: what few entries have is
/// behind a pointer, which hits do not follow.
pub(crate) struct Entry<V> {
    /// Nothing, if it is a failure that is remembered.
    pub(crate) value: Option<V>,
    /// Until then a look-up needs nothing but the value; zero if every one has to read the terms. The end of an entry that
    /// has none.
    pub(crate) quiet_until: Moment,
    /// Of one that has something before its end, or after it, or other ends.
    pub(crate) terms: Option<Arc<Terms>>,
}

/// A glance at the entry, as look-ups take it: as long as one needs nothing but the value, it comes without terms. Threads
/// that share these would wait for each other to count who holds them. See [`Entry::whole`].
impl<V: Value> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        let terms = if self.quiet_until > 0 { None } else { self.terms.clone() };
        Self { value: self.value.as_ref().map(V::share), quiet_until: self.quiet_until, terms }
    }
}

/// What decides how long an entry is of use.
#[derive(Clone)]
pub(crate) struct Terms {
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
            return Self { value: Some(value), quiet_until: fresh_until, terms: None };
        }
        let quiet_until = if is_watched { 0 } else { early::begins(fresh_until, cost, beta) };
        let idle = ttl.idle.map(|limit| Idle { limit: nanoseconds(limit), used: now.into() });
        let ends = Terms::that_end_at(fresh_until);
        let terms = Terms { stale_until, error_until, cost, tags, seen, idle, ..ends };
        Self { value: Some(value), quiet_until, terms: Some(Arc::new(terms)) }
    }

    pub(crate) fn of_failure(error: Arc<Error>, time: Duration, now: Moment) -> Self {
        let terms = Terms { failure: Some(error), ..Terms::that_end_at(now + nanoseconds(time)) };
        Self { value: None, quiet_until: 0, terms: Some(Arc::new(terms)) }
    }

    /// The same entry, left alone for `time` after a load that failed.
    pub(crate) fn rested(self, time: Duration, now: Moment) -> Self {
        let plain = || Terms::that_end_at(self.quiet_until);
        let mut terms = self.terms.map_or_else(plain, Arc::unwrap_or_clone);
        terms.rests_until = (now + nanoseconds(time)).min(terms.error_until);
        terms.stale_until = terms.stale_until.max(terms.rests_until);
        Self { value: self.value, quiet_until: 0, terms: Some(Arc::new(terms)) }
    }

    /// Whether it is more than a glance for certain.
    pub(crate) const fn is_whole(&self) -> bool {
        self.terms.is_some()
    }

    pub(crate) fn whole(&self) -> Self
    where
        V: Value,
    {
        Self { terms: self.terms.clone(), ..self.clone() }
    }

    pub(crate) const fn value(&self) -> Option<&V> {
        self.value.as_ref()
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
        self.terms.as_deref()
    }

    /// A moment of the terms; an entry without has only one.
    fn ask(&self, which: fn(&Terms) -> Moment) -> Moment {
        self.terms().map_or(self.quiet_until, which)
    }
}

impl Terms {
    const fn that_end_at(end: Moment) -> Self {
        Self {
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
        assert_eq!(size_of::<Entry<Arc<str>>>(), 32);
        assert_eq!(size_of::<Entry<u64>>(), 32);
    }
}
