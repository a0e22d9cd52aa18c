use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How a load ended. The error is shared because every waiter gets it.
pub(crate) type Landed = Result<Bytes, Arc<Error>>;

/// The loads under way, one per key at most.
///
/// Its lock also orders loads against writes: whoever writes or removes a key first disowns the load of
/// that key, so a load that read its data before an invalidation can never put it back after.
#[derive(Default)]
pub(crate) struct Flights(Mutex<Table>);

#[derive(Default)]
pub(crate) struct Table {
    under_way: HashMap<Arc<str>, Flight>,
    launched: u64,
}

struct Flight {
    number: u64,
    landing: watch::Receiver<Option<Landed>>,
}

/// The loading task's end of a flight.
pub(crate) struct Pilot {
    pub(crate) key: Arc<str>,
    number: u64,
    tower: watch::Sender<Option<Landed>>,
}

/// A waiter's end of a flight.
pub(crate) struct Waiter(watch::Receiver<Option<Landed>>);

impl Flights {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing in a critical section can be left half done, so a poisoned table is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    pub(crate) fn join(&self, key: &str) -> Option<Waiter> {
        self.under_way.get(key).map(|flight| Waiter(flight.landing.clone()))
    }

    pub(crate) fn launch(&mut self, key: Arc<str>) -> (Pilot, Waiter) {
        self.launched += 1;
        let number = self.launched;
        let (tower, landing) = watch::channel(None);
        self.under_way.insert(Arc::clone(&key), Flight { number, landing: landing.clone() });
        (Pilot { key, number, tower }, Waiter(landing))
    }

    /// Forgets the load of `key`: it still answers those who wait, but its result is not kept.
    pub(crate) fn disown(&mut self, key: &str) {
        self.under_way.remove(key);
    }

    pub(crate) fn disown_all(&mut self) {
        self.under_way.clear();
    }

    /// Ends a load. `false` says that it had been disowned.
    pub(crate) fn end(&mut self, pilot: &Pilot) -> bool {
        let owned = self.under_way.get(&pilot.key).is_some_and(|flight| flight.number == pilot.number);
        if owned {
            self.under_way.remove(&pilot.key);
        }
        owned
    }
}

impl Pilot {
    pub(crate) fn announce(&self, landed: Landed) {
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

impl Waiter {
    /// Waits for the load, at most until the deadline of the call. Dropping the wait leaves the load alone.
    ///
    /// `name` is what an error shows: the key, or what stands for it where keys are not to be seen.
    pub(crate) async fn wait(mut self, name: &str) -> Result<Bytes, Unloaded> {
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
            Ok(Some(Ok(value))) => Ok(value.clone()),
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
    pub(crate) fn about(self, key: &str) -> Error {
        match self {
            Self::Failed(cause) => echo(key, &cause),
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
fn echo(key: &str, cause: &Arc<Error>) -> Error {
    let mut copy = error(cause.kind(), key, "loading failed").with_source(Arc::clone(cause));
    if let Some(wait) = cause.retry_after() {
        copy = copy.with_retry_after(wait);
    }
    if cause.may_have_executed() { copy } else { copy.not_executed() }
}

fn error(kind: FailureKind, key: &str, message: &'static str) -> Error {
    Error::new(kind, "cache", key.to_owned()).with_message(message)
}
