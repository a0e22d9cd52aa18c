use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use seawall_core::{CallContext, Error, Event, FailureKind, Name};
use tokio::time::{Instant, timeout};

use crate::clock::{Moment, nanoseconds};
use crate::engine::Leaving;
use crate::entry::Entry;
use crate::flight::{Landed, Pilot, Waiter};
use crate::shared::Shared;
use crate::tier::{Look, Write};
use crate::{Key, Tags, Ttl, Value};

/// What a loader brings: a value and how long it is kept, if it is; or nothing, if there was nobody to ask.
pub(crate) type Made<V> = Result<Option<(V, Option<Ttl>)>, Error>;

/// What is known of a load before it begins.
pub(crate) struct Request<V> {
    /// What errors show: the key, or what stands for it where keys are not to be seen.
    pub(crate) name: Name,
    pub(crate) tags: Tags,
    /// When the entry expires that is to be renewed before its time; 0 if it is none.
    pub(crate) renews: Moment,
    /// Whether a value of the second tier is one that the caller can use.
    pub(crate) accepts: fn(&V) -> bool,
}

/// How a value that is not in memory is come by.
pub(crate) enum Load<V, F> {
    /// It has landed since.
    Landed(V),
    Launched(Waiter<V>),
    /// Somebody else's load was under way. It may be one that has no loader, so this one is handed back.
    Joined(Waiter<V>, F),
}

impl<K: Key, V: Value> Shared<K, V> {
    /// Joins the load of `key`, or starts it: in a task of its own, the second tier is asked, and then the loader.
    ///
    /// `failure_time` says how long a failure is remembered, if at all.
    pub(crate) fn load<F, Fut, T>(
        self: &Arc<Self>,
        key: K,
        request: Request<V>,
        failure_time: T,
        loader: F,
    ) -> Load<V, F>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Made<V>> + Send + 'static,
        T: FnOnce(&Error) -> Option<Duration> + Send + 'static,
    {
        // Read before anything of the value is, so that an invalidation from now on ends it.
        let seen = self.versions.now();
        // Before the lock, so that it is dropped after it.
        let there;
        let (pilot, waiter) = {
            let mut flights = self.flights.lock();
            if let Some(waiter) = flights.join(&key) {
                return Load::Joined(waiter, loader);
            }
            flights.announce();
            // Looked up again under the lock: a load may have landed since the caller looked.
            there = self.engine.look(&key, Entry::whole);
            if let Some(value) = there.as_ref().and_then(|entry| self.landed(entry, request.renews)) {
                return Load::Landed(value);
            }
            flights.launch(key)
        };
        self.counters.loads.count();
        let limit = self.config.load_timeout;
        let flight = InFlight { shared: Arc::clone(self), pilot, request, seen, ended: false };
        tokio::spawn(loader_context(limit).scope(flight.fly(failure_time, loader)));
        Load::Launched(waiter)
    }

    /// The value of a whole entry, if it is as good as what a load would bring.
    fn landed(&self, entry: &Entry<V>, renews: Moment) -> Option<V> {
        let now = self.clock.now();
        let is_new = now < entry.fresh_until() && entry.fresh_until() != renews;
        if is_new && !entry.is_over(now, &self.versions) { entry.value().map(V::share) } else { None }
    }
}

/// A load under way. Dropped before it landed, when its runtime shuts down, it clears its key for the next
/// one.
struct InFlight<K: Key, V> {
    shared: Arc<Shared<K, V>>,
    pilot: Pilot<K, V>,
    request: Request<V>,
    seen: u64,
    ended: bool,
}

impl<K: Key, V: Value> InFlight<K, V> {
    async fn fly<F, Fut, T>(mut self, failure_time: T, loader: F)
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Made<V>>,
        T: FnOnce(&Error) -> Option<Duration>,
    {
        let shared = Arc::clone(&self.shared);
        let mut look = match &shared.remote {
            Some(remote) => {
                let look = remote.look(&self.pilot.key, &self.request.tags, shared.calendar()).await;
                Some(self.accepted(look))
            }
            None => None,
        };
        // What the second tier has: fresh, it is the answer; old, it is better than a failure.
        let second = look.as_mut().and_then(|look| look.found.take()).map(|seen| {
            let value = seen.value.share();
            (
                value,
                shared.entry(seen.value, seen.ttl, nanoseconds(seen.age), seen.cost, seen.tags, self.seen),
            )
        });
        let is_fresh = |(_, entry): &(V, Entry<V>)| shared.clock.now() < entry.fresh_until();
        let second = match second {
            Some(second) if is_fresh(&second) => {
                shared.counters.second_tier_hits.count();
                self.end(Ok(Some(second.0)), Some(second.1));
                return;
            }
            second => second,
        };
        if look.is_some() {
            shared.counters.second_tier_misses.count();
        }
        let began = shared.clock.now();
        match run(loader, &self.request.name, shared.config.load_timeout).await {
            Ok(None) => self.end(Ok(None), None),
            Ok(Some((value, None))) => self.end(Ok(Some(value)), None),
            Ok(Some((value, Some(ttl)))) => {
                let (ttl, cost) = (shared.spread(ttl), shared.clock.now().saturating_sub(began));
                let entry = shared.entry(value.share(), ttl, 0, cost, self.request.tags.clone(), self.seen);
                self.end(Ok(Some(value.share())), Some(entry));
                if let Some(look) = look {
                    self.fill(look, &value, ttl, cost).await;
                }
            }
            Err(error) => {
                shared.counters.load_failures.count();
                let time = failure_time(&error);
                self.fail(error, time, second.map(|(_, entry)| entry));
            }
        }
    }

    /// What the second tier said, without what the caller could not use, which counts as nothing.
    fn accepted(&self, mut look: Look<V>) -> Look<V> {
        look.found = look.found.filter(|seen| (self.request.accepts)(&seen.value));
        look
    }

    /// Ends with a failure, or with the value from before if it is to answer in place of one.
    fn fail(&mut self, error: Error, time: Option<Duration>, second: Option<Entry<V>>) {
        let shared = Arc::clone(&self.shared);
        let now = shared.clock.now();
        let usable = |entry: &Entry<V>| {
            entry.value().is_some()
                && !entry.is_over(now, &shared.versions)
                && error.kind() != FailureKind::Permanent
        };
        let before = shared.whole(&self.pilot.key, None, now).filter(usable);
        let old = before.or_else(|| second.filter(usable));
        if let Some(entry) = old
            && let Some(value) = entry.value()
        {
            shared.counters.stale_on_error.count();
            shared.tell(&Event::FellBack { kind: error.kind() });
            let value = value.share();
            self.end(Ok(Some(value)), Some(entry.rested(time.unwrap_or_default(), now)));
            return;
        }
        let error = Arc::new(error);
        let told = Err(Arc::clone(&error));
        self.end(told, time.map(|time| Entry::of_failure(error, time, now)));
    }

    /// Keeps what is to be kept, unless the load was disowned, and tells those who wait.
    fn end(&mut self, landed: Landed<V>, entry: Option<Entry<V>>) {
        self.ended = true;
        // Before the lock, so that they are dropped after it.
        let gone;
        let mut leaving = Leaving::default();
        {
            let mut flights = self.shared.flights.lock();
            gone = flights.end(&self.pilot);
            if gone.is_some()
                && let Some(entry) = entry
            {
                self.shared.keep(self.pilot.key.clone(), entry, &mut leaving);
            }
        }
        self.pilot.announce(landed);
    }

    /// Writes to the second tier what those who waited have already.
    async fn fill(&self, look: Look<V>, value: &V, ttl: Ttl, cost: u64) {
        let Some(remote) = &self.shared.remote else { return };
        match remote.encode(value) {
            Ok(payload) => {
                let write = Write { payload, ttl, cost, now: self.shared.calendar() };
                remote.fill(&self.pilot.key, look, &write).await;
            }
            Err(error) => {
                self.shared.counters.second_tier_failures.count();
                self.shared.tell(&Event::FellBack { kind: error.kind() });
            }
        }
    }
}

impl<K: Key, V> Drop for InFlight<K, V> {
    fn drop(&mut self) {
        if !self.ended {
            let gone = self.shared.flights.lock().end(&self.pilot);
            drop(gone);
        }
    }
}

async fn run<V, F, Fut>(loader: F, name: &Name, limit: Duration) -> Made<V>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Made<V>>,
{
    match timeout(limit, AssertUnwindSafe(async { loader().await }).catch_unwind()).await {
        Ok(Ok(made)) => made,
        Ok(Err(panic)) => Err(failure(FailureKind::Permanent, name, describe(&*panic))),
        Err(_elapsed) => {
            let words = format!("the loader took longer than {limit:?}");
            Err(failure(FailureKind::Timeout, name, words))
        }
    }
}

/// The caller's context, but with a deadline of the load's own: the others who wait may have longer than
/// the caller.
fn loader_context(limit: Duration) -> CallContext {
    CallContext::current().without_deadline().within(limit, Instant::now().into_std())
}

fn failure(kind: FailureKind, name: &Name, message: String) -> Error {
    Error::new(kind, "cache", name.clone()).with_message(message)
}

fn describe(panic: &(dyn std::any::Any + Send)) -> String {
    let words =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the loader panicked: {}", words.unwrap_or("without a message"))
}
