use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::{CallContext, Error, FailureKind, Name};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::Value;

/// How a load ended: with a value, or with the knowledge that nobody who was asked has one. The error is shared because
/// every waiter gets it.
pub(crate) type Landed<V> = Result<Option<V>, Arc<Error>>;

/// The loads under way, one per key at most.
///
/// Its lock also orders loads against writes: whoever writes or removes a key first disowns the load of
/// that key, so a load that read its data before an invalidation can never put it back after. A load that
/// ends keeps what it brought under the lock. Nothing of the user's is dropped under it.
pub(crate) struct Flights<K, V> {
    table: Mutex<Table<K, V>>,
    under_way: AtomicUsize,
}

struct Table<K, V> {
    flights: HashMap<K, Flight<V>>,
    launched: u64,
}

pub(crate) struct Flight<V> {
    number: u64,
    landing: watch::Receiver<Option<Landed<V>>>,
}

/// The loading task's end of a flight.
pub(crate) struct Pilot<K, V> {
    pub(crate) key: K,
    number: u64,
    tower: watch::Sender<Option<Landed<V>>>,
}

/// A waiter's end of a flight.
pub(crate) struct Waiter<V>(watch::Receiver<Option<Landed<V>>>);

/// A flight that is under way no more, with its key, to be dropped when nothing is locked: that may look into the cache.
pub(crate) type Gone<K, V> = Option<(K, Flight<V>)>;

/// The loads under way, locked.
pub(crate) struct Locked<'a, K, V> {
    table: MutexGuard<'a, Table<K, V>>,
    under_way: &'a AtomicUsize,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        let table = Table { flights: HashMap::new(), launched: 0 };
        Self { table: Mutex::new(table), under_way: AtomicUsize::new(0) }
    }
}

impl<K, V> Flights<K, V> {
    pub(crate) fn lock(&self) -> Locked<'_, K, V> {
        // Nothing in a critical section can be left half done, so a poisoned table is still right.
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { table, under_way: &self.under_way }
    }

    /// Whether no load is under way that began before this was asked: one that begins now reads its data later than
    /// whatever its asker did before.
    pub(crate) fn is_quiet(&self) -> bool {
        // Orders what the asker did before against the look, as a load that is announced orders itself against its reading.
        fence(SeqCst);
        self.is_quiet_here()
    }

    /// The same of the loads of one key, for who holds the engine's lock on that key, which is the fence then: a load takes
    /// it between its announcement and its reading. Before this look, it is seen; after it, it reads what was done before.
    #[inline]
    pub(crate) fn is_quiet_here(&self) -> bool {
        self.under_way.load(SeqCst) == 0
    }
}

/// A load is under way until what it brought is kept, so they are counted as the lock is given back.
impl<K, V> Drop for Locked<'_, K, V> {
    fn drop(&mut self) {
        self.under_way.store(self.table.flights.len(), SeqCst);
    }
}

impl<K: Hash + Eq + Clone, V> Locked<'_, K, V> {
    pub(crate) fn join<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Waiter<V>>
    where
        K: Borrow<Q>,
    {
        self.table.flights.get(key).map(|flight| Waiter(flight.landing.clone()))
    }

    /// Says that a load may begin, before the engine is looked into for the last time, and its data after that.
    pub(crate) fn announce(&self) {
        self.under_way.fetch_add(1, SeqCst);
        fence(SeqCst);
    }

    pub(crate) fn launch(&mut self, key: K) -> (Pilot<K, V>, Waiter<V>) {
        self.table.launched += 1;
        let number = self.table.launched;
        let (tower, landing) = watch::channel(None);
        let flight = Flight { number, landing: landing.clone() };
        self.table.flights.insert(key.clone(), flight);
        (Pilot { key, number, tower }, Waiter(landing))
    }

    /// Forgets the load of `key`: it still answers those who wait, but its result is not kept.
    #[must_use]
    pub(crate) fn disown<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Gone<K, V>
    where
        K: Borrow<Q>,
    {
        self.table.flights.remove_entry(key)
    }

    #[must_use]
    pub(crate) fn disown_all(&mut self) -> HashMap<K, Flight<V>> {
        std::mem::take(&mut self.table.flights)
    }

    /// Ends a load, unless it had been disowned.
    #[must_use]
    pub(crate) fn end(&mut self, pilot: &Pilot<K, V>) -> Gone<K, V> {
        let flight = self.table.flights.get(&pilot.key);
        flight.is_some_and(|flight| flight.number == pilot.number).then(|| self.disown(&pilot.key))?
    }
}

impl<K, V> Pilot<K, V> {
    pub(crate) fn announce(&self, landed: Landed<V>) {
        // Nobody waiting is fine: the load was for the cache.
        self.tower.send_replace(Some(landed));
    }
}

/// Why a waiter has no value.
pub(crate) enum Unloaded {
    /// The load failed.
    Failed(Arc<Error>),
    /// The waiter gave up, or the load was given up.
    Missed(Error),
}

impl<V: Value> Waiter<V> {
    /// Waits for the load, at most until the deadline of the call. Dropping the wait leaves the load alone.
    ///
    /// `name` is what an error shows: the key, or what stands for it where keys are not to be seen.
    pub(crate) async fn wait(mut self, name: &Name) -> Result<Option<V>, Unloaded> {
        let landing = self.0.wait_for(Option::is_some);
        let landed = match CallContext::current_deadline() {
            None => landing.await,
            Some(deadline) => match timeout_at(Instant::from_std(deadline), landing).await {
                Ok(landed) => landed,
                Err(_elapsed) => {
                    let why = "no value before the deadline; its load goes on";
                    return Err(Unloaded::Missed(error(FailureKind::Timeout, name, why)));
                }
            },
        };
        match landed.as_deref() {
            Ok(Some(Ok(value))) => Ok(value.as_ref().map(V::share)),
            Ok(Some(Err(cause))) => Err(Unloaded::Failed(Arc::clone(cause))),
            _ => {
                let why = "the load was abandoned: its runtime shut down";
                Err(Unloaded::Missed(error(FailureKind::Cancelled, name, why)))
            }
        }
    }
}

impl Unloaded {
    /// An error about the key, which has the load's as its source.
    pub(crate) fn about(self, name: &Name) -> Error {
        match self {
            Self::Failed(cause) => echo(name, &cause),
            Self::Missed(error) => error,
        }
    }

    /// The load's own error, as it is.
    pub(crate) fn into_cause(self) -> Error {
        match self {
            Self::Failed(cause) => Arc::unwrap_or_clone(cause),
            Self::Missed(error) => error,
        }
    }
}

/// One waiter's copy of a load's error, which stays reachable as its source.
fn echo(name: &Name, cause: &Arc<Error>) -> Error {
    let mut copy = error(cause.kind(), name, "loading failed").with_source(Arc::clone(cause));
    if let Some(wait) = cause.retry_after() {
        copy = copy.with_retry_after(wait);
    }
    if cause.may_have_executed() { copy } else { copy.not_executed() }
}

fn error(kind: FailureKind, name: &Name, message: &'static str) -> Error {
    Error::new(kind, "cache", name.clone()).with_message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_under_way_from_its_announcement_until_what_it_brought_is_kept() {
        let flights = Flights::<u8, u8>::default();
        let mut locked = flights.lock();
        locked.announce();
        assert!(!flights.is_quiet(), "it may look into the engine any moment");
        let (pilot, _waiter) = locked.launch(1);
        drop(locked);
        assert!(!flights.is_quiet());
        let mut locked = flights.lock();
        assert!(locked.end(&pilot).is_some());
        assert!(!flights.is_quiet(), "what it brought is kept only now");
        drop(locked);
        assert!(flights.is_quiet());
    }

    #[test]
    fn what_was_announced_but_not_launched_is_under_way_no_more() {
        let flights = Flights::<u8, u8>::default();
        flights.lock().announce();
        assert!(flights.is_quiet());
    }
}
