use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use seawall_core::{CallContext, Error, FailureKind, InvalidConfig};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::codec::encode;
use crate::flight::{Flights, Pilot, Waiter};
use crate::stats::Counters;
use crate::store::{Entry, Found, Store};
use crate::{CacheConfig, Ttl};

/// Longer than any process lives, and far from the end of what a clock can hold.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// What all handles on one cache share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) flights: Flights,
    jitter: Mutex<fastrand::Rng>,
    pub(crate) counters: Counters,
    pub(crate) config: CacheConfig,
}

impl Shared {
    pub(crate) fn new(config: &CacheConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self {
            store: Store::new(config.capacity),
            flights: Flights::default(),
            jitter: Mutex::new(config.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)),
            counters: Counters::default(),
            config: config.clone(),
        })
    }

    /// Joins the load of `key`, or starts it. The loader says how long its value is kept, if it is.
    ///
    /// `name` is what errors show: the key, or what stands for it where keys are not to be seen.
    pub(crate) fn load<T, F, Fut>(self: &Arc<Self>, key: &str, name: &str, loader: F) -> Load
    where
        T: Serialize,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(T, Option<Ttl>), Error>> + Send + 'static,
    {
        let (pilot, waiter) = {
            let mut flights = self.flights.lock();
            if let Some(waiter) = flights.join(key) {
                return Load::UnderWay(waiter);
            }
            // Looked up again under the lock: a load may have landed since the caller looked.
            if let Found::Fresh(bytes) = self.store.find(key, Instant::now()) {
                return Load::Landed(bytes);
            }
            flights.launch(key.into())
        };
        self.counters.loads.count();
        let flight = InFlight { shared: Arc::clone(self), pilot, landed: false };
        let limit = self.config.load_timeout;
        let name: Arc<str> = name.into();
        tokio::spawn(loader_context(limit).scope(async move {
            let making = AssertUnwindSafe(async {
                let (value, ttl) = loader().await?;
                Ok((encode(&name, &value)?, ttl))
            });
            let made = match timeout(limit, making.catch_unwind()).await {
                Ok(Ok(made)) => made,
                Ok(Err(panic)) => Err(failure(FailureKind::Permanent, &name, describe(&*panic))),
                Err(_elapsed) => {
                    let words = format!("the loader took longer than {limit:?}");
                    Err(failure(FailureKind::Timeout, &name, words))
                }
            };
            flight.land(made);
        }));
        Load::UnderWay(waiter)
    }

    pub(crate) fn entry(&self, value: Bytes, ttl: Ttl) -> Entry {
        let spread = {
            let mut rng = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
            1.0 + self.config.jitter * (2.0 * rng.f64() - 1.0)
        };
        let fresh_until = Instant::now() + ttl.fresh.min(LONGEST).mul_f64(spread);
        Entry { value, fresh_until, stale_until: fresh_until + ttl.stale.min(LONGEST) }
    }
}

/// How a value that was not in the cache is come by.
pub(crate) enum Load {
    Landed(Bytes),
    UnderWay(Waiter),
}

/// A load under way. Dropped before it landed, when its runtime shuts down, it clears its key for the next
/// one.
struct InFlight {
    shared: Arc<Shared>,
    pilot: Pilot,
    landed: bool,
}

impl InFlight {
    fn land(mut self, made: Result<(Bytes, Option<Ttl>), Error>) {
        self.landed = true;
        match made {
            Ok((value, ttl)) => {
                let entry = ttl.map(|ttl| self.shared.entry(value.clone(), ttl));
                let mut flights = self.shared.flights.lock();
                if flights.end(&self.pilot)
                    && let Some(entry) = entry
                {
                    self.shared.store.insert(Arc::clone(&self.pilot.key), entry);
                }
                drop(flights);
                self.pilot.announce(Ok(value));
            }
            Err(error) => {
                self.shared.counters.load_failures.count();
                self.shared.flights.lock().end(&self.pilot);
                self.pilot.announce(Err(Arc::new(error)));
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.landed {
            self.shared.flights.lock().end(&self.pilot);
        }
    }
}

/// The caller's context, but with a deadline of the load's own: the others who wait may have longer than
/// the caller.
fn loader_context(limit: Duration) -> CallContext {
    CallContext::current().without_deadline().within(limit, Instant::now().into_std())
}

fn failure(kind: FailureKind, name: &str, message: String) -> Error {
    Error::new(kind, "cache", name.to_owned()).with_message(message)
}

fn describe(panic: &(dyn std::any::Any + Send)) -> String {
    let words =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the loader panicked: {}", words.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_landed_since_the_caller_looked_is_not_loaded_again() {
        let shared = Arc::new(Shared::new(&CacheConfig::default()).unwrap());
        let ttl = Ttl::fresh(Duration::from_mins(1));
        shared.store.insert("a".into(), shared.entry(Bytes::from_static(b"1"), ttl));
        let load = shared.load("a", "a", || async { Ok((2, None)) });
        assert!(matches!(load, Load::Landed(value) if value == "1"));
        assert_eq!(shared.counters.loads.total(), 0);
    }
}
