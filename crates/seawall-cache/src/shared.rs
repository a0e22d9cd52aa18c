use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use seawall_core::{Error, Event};

use crate::chance::Chance;
use crate::clock::{Clock, Moment};
use crate::engine::Engine;
use crate::entry::{Circumstances, Entry, Kept};
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
    pub(crate) counters: Arc<Counters>,
    pub(crate) remote: Option<Remote<K, V>>,
    pub(crate) config: CacheConfig,
    pub(crate) voice: Voice,
}

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
    /// The fresh value of `key`. Counts.
    #[inline]
    pub(crate) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let now = self.clock.now();
        let Some(entry) = self.engine.find(key) else {
            self.counters.lane().misses.count();
            return None;
        };
        if now < entry.fresh_until && (entry.ties.is_none() || self.still_holds(&entry, now)) {
            let Kept::Value(value) = entry.kept else {
                self.counters.lane().misses.count();
                return None;
            };
            self.counters.lane().hits.count();
            return Some(value);
        }
        self.drop_if_over(key, &entry, now);
        self.counters.lane().misses.count();
        None
    }

    /// What there is under `key`, for one who can load it. Counts.
    #[inline]
    pub(crate) fn look_up<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Found<V>
    where
        K: Borrow<Q>,
    {
        let found = self.find(key);
        let lane = self.counters.lane();
        match &found {
            Found::Fresh(_) | Found::Early(..) => lane.hits.count(),
            Found::Stale(_) | Found::Resting(_) => lane.stale_hits.count(),
            Found::Failed(_) => lane.failure_hits.count(),
            Found::Missing => lane.misses.count(),
        }
        found
    }

    #[inline]
    fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Found<V>
    where
        K: Borrow<Q>,
    {
        let Some(entry) = self.engine.find(key) else { return Found::Missing };
        let now = self.clock.now();
        let serves = now < entry.stale_until;
        if !serves || !(entry.ties.is_none() || self.still_holds(&entry, now)) {
            self.drop_if_over(key, &entry, now);
            return Found::Missing;
        }
        let value = match entry.kept {
            Kept::Value(value) => value,
            Kept::Failure(error) => return Found::Failed(error),
        };
        let Entry { quiet_until, fresh_until, cost, .. } = entry;
        match (now < quiet_until, now < fresh_until) {
            (true, true) => return Found::Fresh(value),
            (true, false) => return Found::Resting(value),
            (false, false) => return Found::Stale(value),
            (false, true) => {}
        }
        if early::is_due(now, fresh_until, cost, self.config.early_refresh, self.chance.draw()) {
            return Found::Early(value, fresh_until);
        }
        Found::Fresh(value)
    }

    fn still_holds(&self, entry: &Entry<V>, now: Moment) -> bool {
        let holds = entry.holds(now, &self.versions);
        if holds {
            entry.touch(now);
        }
        holds
    }

    fn drop_if_over<Q: Hash + Eq + ?Sized>(&self, key: &Q, entry: &Entry<V>, now: Moment)
    where
        K: Borrow<Q>,
    {
        if entry.is_over(now, &self.versions) {
            // Asked again under the lock: another caller may have renewed it since.
            self.engine.remove_if(key, |entry| entry.is_over(now, &self.versions));
        }
    }
}

impl<K: Key, V: Value> Shared<K, V> {
    /// An entry that begins to live `age` nanoseconds ago.
    pub(crate) fn entry(&self, value: V, ttl: Ttl, age: u64, cost: u64, tags: Tags, seen: u64) -> Entry<V> {
        let given = Circumstances {
            now: self.clock.now(),
            age,
            memory_time: self.remote.is_some().then_some(self.config.second_tier.memory_time),
            cost,
            beta: self.config.early_refresh,
            tags,
            seen,
        };
        Entry::new(value, ttl, given)
    }

    /// The time to live with its jitter.
    pub(crate) fn spread(&self, ttl: Ttl) -> Ttl {
        if self.config.jitter == 0.0 {
            return ttl;
        }
        ttl.spread(1.0 + self.config.jitter * (2.0 * self.chance.draw() - 1.0))
    }

    /// Puts a value into memory, and says what is to be put into the second tier.
    pub(crate) fn set(&self, key: K, value: V, ttl: Ttl, tags: Tags) -> Ttl {
        let ttl = self.spread(ttl);
        let entry = self.entry(value, ttl, 0, 0, tags, self.versions.now());
        if self.flights.is_quiet() {
            self.engine.insert(key, entry);
        } else {
            let mut flights = self.flights.lock();
            flights.disown(&key);
            self.engine.insert(key, entry);
        }
        ttl
    }

    pub(crate) fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        let mut flights = self.flights.lock();
        flights.disown(key);
        self.engine.remove(key).is_some()
    }

    pub(crate) fn clear(&self) {
        let mut flights = self.flights.lock();
        flights.disown_all();
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
            hits: counters.sum(|lane| &lane.hits),
            stale_hits: counters.sum(|lane| &lane.stale_hits),
            failure_hits: counters.sum(|lane| &lane.failure_hits),
            misses: counters.sum(|lane| &lane.misses),
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
    /// Puts a value into memory and into the second tier, if there is one.
    pub(crate) async fn set_everywhere(&self, key: K, value: V, ttl: Ttl, tags: Tags) -> Result<(), Error> {
        let Some(remote) = &self.remote else {
            self.set(key, value, ttl, tags);
            return Ok(());
        };
        let payload = remote.encode(&value)?;
        let ttl = self.set(key.clone(), value, ttl, tags.clone());
        let write = Write { payload, ttl, cost: 0, now: self.calendar() };
        // What fails is counted and told by the guard. Memory has the value, so this is no reason to fail the caller.
        let _told = remote.set(&key, &tags, &write).await;
        Ok(())
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
