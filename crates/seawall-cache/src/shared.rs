use std::borrow::Borrow;
use std::hash::Hash;
use std::mem::swap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, Either, Ready, ready};
use seawall_core::{Error, Event};

use crate::chance::{Chance, Jitter};
use crate::clock::{Clock, Moment, nanoseconds};
use crate::engine::{Engine, Leaving};
use crate::entry::{Circumstances, Entry, Terms};
use crate::flight::Flights;
use crate::stats::Counters;
use crate::tier::{Message, Remote, TierListener, Write};
use crate::versions::Versions;
use crate::voice::Voice;
use crate::{CacheConfig, CacheStats, Key, Tags, Ttl, Value, early};

/// What all handles on one cache share.
pub(crate) struct Shared<K, V> {
    pub(crate) engine: Engine<K, Entry<V>>,
    pub(crate) flights: Flights<K, V>,
    pub(crate) versions: Versions,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) jitter: Jitter,
    pub(crate) counters: Arc<Counters>,
    pub(crate) remote: Option<Remote<K, V>>,
    pub(crate) config: CacheConfig,
    pub(crate) voice: Voice,
}

/// What is left to do of a set. Small, because most have nothing left.
pub(crate) type Setting<'a> = Either<Ready<Result<(), Error>>, BoxFuture<'a, Result<(), Error>>>;

/// What memory has for one who would load it otherwise.
pub(crate) enum Found<V> {
    Fresh(V),
    /// Fresh, but this look-up is the one to renew it; with the moment at which it would expire.
    Early(V, Moment),
    Stale(V),
    /// Stale, but not to be renewed yet: a load has just failed.
    Resting(V),
    Failed(Arc<Error>),
    Missing,
}

impl<K: Key, V: Value> Shared<K, V> {
    /// The fresh value of `key`. Counts. Not inlined, so that its callers can be: what they make of it, a future too, is then
    /// not written to memory and copied from there before the processor has finished.
    #[inline(never)]
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let now = self.clock.now();
        let found = self.engine.find(key).and_then(|entry| match entry {
            Entry { value: Some(value), quiet_until, .. } if now < quiet_until => Some(value),
            glance => self.fresh(key, glance, now),
        });
        let is_hit = found.is_some();
        self.counters.look_ups.add(|lane| if is_hit { &lane.hits } else { &lane.misses }, 1);
        found
    }

    /// What there is under `key`, for one who can load it. Counts.
    #[inline]
    pub(crate) fn look_up<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Found<V>
    where
        K: Borrow<Q>,
    {
        let found = self.find(key);
        self.counters.look_ups.add(
            |lane| match &found {
                Found::Fresh(_) | Found::Early(..) => &lane.hits,
                Found::Stale(_) | Found::Resting(_) => &lane.stale_hits,
                Found::Failed(_) => &lane.failure_hits,
                Found::Missing => &lane.misses,
            },
            1,
        );
        found
    }

    #[inline]
    fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Found<V>
    where
        K: Borrow<Q>,
    {
        let Some(entry) = self.engine.find(key) else { return Found::Missing };
        let now = self.clock.now();
        match entry {
            Entry { value: Some(value), quiet_until, .. } if now < quiet_until => Found::Fresh(value),
            glance => self.closer(key, glance, now),
        }
    }

    /// The value of an entry that is not quiet any more, if it is fresh all the same.
    #[inline(never)]
    fn fresh<Q: Hash + Eq + ?Sized>(&self, key: &Q, glance: Entry<V>, now: Moment) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let entry = self.whole(key, Some(glance), now).filter(|entry| now < entry.fresh_until())?;
        entry.touch(now);
        entry.value().map(V::share)
    }

    /// What an entry is that is not quiet any more.
    #[inline(never)]
    fn closer<Q: Hash + Eq + ?Sized>(&self, key: &Q, glance: Entry<V>, now: Moment) -> Found<V>
    where
        K: Borrow<Q>,
    {
        let whole = self.whole(key, Some(glance), now).filter(|entry| now < entry.stale_until());
        let Some(entry) = whole else { return Found::Missing };
        entry.touch(now);
        let (beta, cost, fresh_until) = (self.config.early_refresh, entry.cost(), entry.fresh_until());
        let is_quiet = entry.is_quiet(now, beta);
        if let Some(failure) = entry.failure() {
            return Found::Failed(Arc::clone(failure));
        }
        let Some(value) = entry.value().map(V::share) else { return Found::Missing };
        match (is_quiet, now < fresh_until) {
            (true, true) => return Found::Fresh(value),
            (true, false) => return Found::Resting(value),
            (false, false) => return Found::Stale(value),
            (false, true) => {}
        }
        if early::is_due(now, fresh_until, cost, beta, self.chance.draw()) {
            return Found::Early(value, fresh_until);
        }
        Found::Fresh(value)
    }

    /// An entry with all its terms, if it is of any use. One that is not goes.
    pub(crate) fn whole<Q: Hash + Eq + ?Sized>(
        &self,
        key: &Q,
        glance: Option<Entry<V>>,
        now: Moment,
    ) -> Option<Entry<V>>
    where
        K: Borrow<Q>,
    {
        let is_enough = |entry: &Entry<V>| entry.is_whole() && !entry.is_over(now, &self.versions);
        glance.filter(is_enough).or_else(|| {
            let mut whole = None;
            // Under the lock, for another caller may have renewed it since.
            self.engine.remove_if(key, |entry| {
                let is_over = entry.is_over(now, &self.versions);
                whole = (!is_over).then(|| entry.whole());
                is_over
            });
            whole
        })
    }
}

impl<K: Key, V: Value> Shared<K, V> {
    /// An entry that begins to live `age` nanoseconds ago.
    pub(crate) fn entry(&self, value: V, ttl: Ttl, age: u64, cost: u64, tags: Tags, seen: u64) -> Entry<V> {
        let given = Circumstances {
            now: self.clock.now(),
            age,
            memory_time: self.remote.is_some().then(|| nanoseconds(self.config.second_tier.memory_time)),
            cost,
            beta: self.config.early_refresh,
            tags,
            seen,
        };
        Entry::new(value, ttl, given)
    }

    /// The time to live with its jitter.
    pub(crate) fn spread(&self, ttl: Ttl) -> Ttl {
        Ttl { fresh: self.jittered(ttl.fresh), ..ttl }
    }

    #[inline]
    fn jittered(&self, time: u64) -> u64 {
        self.jitter.spread(time, self.chance.draw_whole())
    }

    /// Puts a value into memory, give or take the jitter.
    #[inline]
    pub(crate) fn set(&self, key: K, value: V, ttl: &Ttl, tags: Tags) {
        if ttl.is_plain() && tags.is_empty() && self.remote.is_none() {
            let end = self.clock.now() + self.jittered(ttl.fresh);
            if let Some(value) = self.exchange(&key, value, end) {
                self.set_plainly(key, value, end);
            }
        } else {
            self.set_exactly(key, value, self.spread(*ttl), tags);
        }
    }

    /// Puts a value in place of the one under `key`, or hands it back: there is none, perhaps, or a load is under way. Piece
    /// by piece, because as a whole an entry would be copied before the processor has finished writing it.
    #[inline]
    fn exchange(&self, key: &K, value: V, end: Moment) -> Option<V> {
        // What goes for it is dropped when nothing is locked.
        let (mut value, mut terms) = (Some(value), None);
        let is_exchanged = self.engine.change(key, |entry| {
            let is_quiet = self.flights.is_quiet_here();
            if is_quiet {
                swap(&mut entry.value, &mut value);
                swap(&mut entry.terms, &mut terms);
                entry.quiet_until = end;
            }
            is_quiet
        });
        if is_exchanged { None } else { value }
    }

    /// Puts a value into memory until `end`, wherever it goes.
    #[inline(never)]
    fn set_plainly(&self, key: K, value: V, end: Moment) {
        self.disown(&key);
        self.lay(key, Some(value), end, None, &mut Leaving::default());
    }

    /// Sees to it that no load of `key` that is under way puts back what it has read.
    fn disown(&self, key: &K) {
        if !self.flights.is_quiet() {
            let gone = self.flights.lock().disown(key);
            drop(gone);
        }
    }

    /// The same for any time to live, as it is.
    #[cold]
    #[inline(never)]
    fn set_exactly(&self, key: K, value: V, ttl: Ttl, tags: Tags) {
        let entry = self.entry(value, ttl, 0, 0, tags, self.versions.now());
        self.disown(&key);
        self.keep(key, entry, &mut Leaving::default());
    }

    /// Puts an entry into memory. What goes for it is `leaving`, to be dropped when nothing is locked.
    pub(crate) fn keep(&self, key: K, entry: Entry<V>, leaving: &mut Leaving<K, Entry<V>>) {
        self.lay(key, entry.value, entry.quiet_until, entry.terms, leaving);
    }

    /// Puts an entry into memory. The one place from which the engine is filled, so that its code becomes part of this; and
    /// in pieces, because as a whole an entry would be copied before the processor has finished writing it, which it has to
    /// wait for.
    #[inline(never)]
    fn lay(
        &self,
        key: K,
        value: Option<V>,
        quiet_until: Moment,
        terms: Option<Arc<Terms>>,
        leaving: &mut Leaving<K, Entry<V>>,
    ) {
        self.engine.insert(key, Entry { value, quiet_until, terms }, leaving);
    }

    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        // A load that begins from now on reads its data after this was called, so that the lock is held no longer.
        let gone = self.flights.lock().disown(key);
        drop(gone);
        self.engine.remove(key).is_some()
    }

    pub(crate) fn clear(&self) {
        let gone = self.flights.lock().disown_all();
        drop(gone);
        self.engine.clear();
    }

    pub(crate) fn invalidate(&self, tags: &[u64]) {
        for tag in tags {
            self.versions.invalidate(*tag);
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn calendar(&self) -> u64 {
        self.clock.calendar(self.clock.now())
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let Self { engine, counters, .. } = self;
        CacheStats {
            hits: counters.look_ups.sum(|lane| &lane.hits),
            stale_hits: counters.look_ups.sum(|lane| &lane.stale_hits),
            failure_hits: counters.look_ups.sum(|lane| &lane.failure_hits),
            misses: counters.look_ups.sum(|lane| &lane.misses),
            loads: counters.loads.total(),
            load_failures: counters.load_failures.total(),
            stale_on_error: counters.stale_on_error.total(),
            early_refreshes: counters.early_refreshes.total(),
            second_tier_hits: counters.second_tier_hits.total(),
            second_tier_misses: counters.second_tier_misses.total(),
            second_tier_failures: counters.second_tier_failures.total(),
            second_tier_skips: counters.second_tier_skips.total(),
            invalidations_heard: counters.invalidations_heard.total(),
            evictions: engine.evictions(),
            rejected: engine.rejected(),
            entries: engine.entries(),
            weight: engine.weight(),
        }
    }
}

impl<K: Key, V: Value> Shared<K, V> {
    /// Puts a value into memory at once, and into the second tier, if there is one, as it is awaited.
    #[inline]
    pub(crate) fn set_everywhere(&self, key: K, value: V, ttl: &Ttl, tags: Tags) -> Setting<'_> {
        match &self.remote {
            None => {
                self.set(key, value, ttl, tags);
                Either::Left(ready(Ok(())))
            }
            Some(remote) => self.set_in_both(remote, key, value, ttl, tags),
        }
    }

    #[cold]
    #[inline(never)]
    fn set_in_both<'a>(
        &'a self,
        remote: &'a Remote<K, V>,
        key: K,
        value: V,
        ttl: &Ttl,
        tags: Tags,
    ) -> Setting<'a> {
        let payload = match remote.encode(&value) {
            Ok(payload) => payload,
            Err(error) => return Either::Left(ready(Err(error))),
        };
        let ttl = self.spread(*ttl);
        self.set_exactly(key.clone(), value, ttl, tags.clone());
        let write = Write { payload, ttl, cost: 0, now: self.calendar() };
        Either::Right(Box::pin(async move {
            // What fails is counted and told by the guard. Memory has the value, so this is no reason to fail the caller.
            let _told = remote.set(&key, &tags, &write).await;
            Ok(())
        }))
    }
}

impl<K: Key, V: Value> TierListener for Shared<K, V> {
    fn heard(&self, message: &[u8]) {
        let Some(remote) = &self.remote else { return };
        let Some(message) = remote.understand(message) else { return };
        self.counters.invalidations_heard.count();
        match message {
            Message::Key(text) => match remote.read_key(&text) {
                Some(key) => drop(self.remove(&key)),
                // No key of ours, or of another version of ours: better nothing than something outdated.
                None => self.clear(),
            },
            Message::Tags(tags) => self.invalidate(&tags),
            Message::All => self.clear(),
        }
    }

    fn missed(&self) {
        self.counters.invalidations_heard.count();
        self.clear();
    }
}

impl<K, V> Shared<K, V> {
    pub(crate) fn tell(&self, event: &Event) {
        self.voice.tell(event);
    }
}
