use std::fmt;
use std::future::Future;
use std::sync::Arc;

use seawall_core::{Error, InvalidConfig};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::codec::{decode, encode};
use crate::shared::{Load, Shared};
use crate::store::Found;
use crate::{CacheConfig, CacheStats, Ttl};

/// An in-process cache of serde values by key. A clone is another handle on the same cache.
///
/// It needs tokio's clock for the expiry, and a tokio runtime for [`get_or_load`](Self::get_or_load).
///
/// Writes and misses take one short lock; hits take only the read lock of a shard. Its methods are `async`
/// although most answer at once: a second tier across the network can then stand behind the same calls.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

impl Cache {
    /// An empty cache.
    ///
    /// # Errors
    /// When a value of the configuration is out of its bounds.
    pub fn new(config: &CacheConfig) -> Result<Self, InvalidConfig> {
        Shared::new(config).map(|shared| Self(Arc::new(shared)))
    }

    /// The value of `key`, unless there is none or its time to live is over.
    ///
    /// `None` cached as a value reads as `Some(None)` of an `Option<Option<T>>`.
    ///
    /// # Errors
    /// When the value kept under `key` is not a `T`.
    #[expect(clippy::unused_async, reason = "a second tier across the network will be awaited here")]
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Shared { store, counters, .. } = &*self.0;
        if let Found::Fresh(bytes) = store.find(key, Instant::now()) {
            counters.hits.count();
            decode(key, &bytes).map(Some)
        } else {
            counters.misses.count();
            Ok(None)
        }
    }

    /// Keeps `value` under `key` for `ttl` (give or take the jitter), in place of what was there.
    ///
    /// A load of the same key that is under way does not overwrite it. A value too large for the cache is
    /// not kept, and that is no error: [`CacheStats::rejected`] counts it.
    ///
    /// # Errors
    /// When `value` has no form in JSON, such as a map whose keys are not strings.
    #[expect(clippy::unused_async, reason = "a second tier across the network will be awaited here")]
    pub async fn set<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        ttl: impl Into<Ttl>,
    ) -> Result<(), Error> {
        let entry = self.0.entry(encode(key, value)?, ttl.into());
        let mut flights = self.0.flights.lock();
        flights.disown(key);
        self.0.store.insert(key.into(), entry);
        Ok(())
    }

    /// Forgets `key`, and says whether there was anything under it, expired or not.
    ///
    /// A load of the same key that is under way still answers its waiters, but is not kept: what it read
    /// may be older than the reason for removing.
    ///
    /// # Errors
    /// None yet; a second tier may fail.
    #[expect(clippy::unused_async, reason = "a second tier across the network will be awaited here")]
    pub async fn remove(&self, key: &str) -> Result<bool, Error> {
        let mut flights = self.0.flights.lock();
        flights.disown(key);
        Ok(self.0.store.remove(key).is_some())
    }

    /// Forgets everything, as [`remove`](Self::remove) of every key does.
    ///
    /// # Errors
    /// None yet; a second tier may fail.
    #[expect(clippy::unused_async, reason = "a second tier across the network will be awaited here")]
    pub async fn clear(&self) -> Result<(), Error> {
        let mut flights = self.0.flights.lock();
        flights.disown_all();
        self.0.store.clear();
        Ok(())
    }

    /// The value of `key`; if there is none, the one that `loader` makes, kept for `ttl`.
    ///
    /// However many callers ask at once, one loader runs, in a task of its own: a caller that gives up, at
    /// its [`CallContext`](seawall_core::CallContext) deadline or by being dropped, stops nothing. The
    /// loader sees the first caller's priority, idempotency and retry budget, but not its deadline; it has
    /// the configured `load_timeout`.
    ///
    /// An entry that is stale by its [`Ttl`] is returned at once, and one load renews it behind the scenes.
    /// An entry that is not a `T` counts as none.
    ///
    /// # Errors
    /// What the loader failed with reaches every waiter, as the [`source`](std::error::Error::source) of an
    /// error of the same kind. A panic of the loader is a
    /// [`FailureKind::Permanent`](seawall_core::FailureKind::Permanent) error; a loader too slow is a
    /// [`FailureKind::Timeout`](seawall_core::FailureKind::Timeout), and so is a deadline of the caller
    /// that passed first. Failures are not kept.
    ///
    /// # Cancel safety
    /// Cancel safe: the load goes on and fills the cache.
    ///
    /// # Panics
    /// Outside a tokio runtime, when there is something to load.
    pub async fn get_or_load<T, F, Fut>(&self, key: &str, ttl: impl Into<Ttl>, loader: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let ttl = ttl.into();
        let loader = move || async move { loader().await.map(|value| (value, Some(ttl))) };
        match self.look_up(key) {
            LookedUp::Fresh(value) => Ok(value),
            LookedUp::Stale(value) => {
                let _renewal = self.0.load(key, key, loader);
                Ok(value)
            }
            LookedUp::Missing => match self.0.load(key, key, loader) {
                Load::Landed(bytes) => decode(key, &bytes),
                Load::UnderWay(waiter) => {
                    let bytes = waiter.wait(key).await.map_err(|unloaded| unloaded.about(key))?;
                    decode(key, &bytes)
                }
            },
        }
    }

    /// What the cache has done so far, and what it holds.
    pub fn stats(&self) -> CacheStats {
        let Shared { store, counters, .. } = &*self.0;
        CacheStats {
            hits: counters.hits.total(),
            stale_hits: counters.stale_hits.total(),
            misses: counters.misses.total(),
            loads: counters.loads.total(),
            load_failures: counters.load_failures.total(),
            evictions: store.shelf().evictions(),
            rejected: store.shelf().rejected(),
            entries: store.shelf().entries(),
            weight: store.shelf().weight(),
        }
    }
}

/// What is under a key, for one who would load it otherwise.
pub(crate) enum LookedUp<T> {
    Fresh(T),
    Stale(T),
    Missing,
}

impl Cache {
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Looks up and counts. An entry that is not a `T` is none: only a load can put it right.
    pub(crate) fn look_up<T: DeserializeOwned>(&self, key: &str) -> LookedUp<T> {
        let Shared { store, counters, .. } = &*self.0;
        match store.find(key, Instant::now()) {
            Found::Fresh(bytes) => {
                if let Ok(value) = decode(key, &bytes) {
                    counters.hits.count();
                    return LookedUp::Fresh(value);
                }
                // Left by another version of the type. Fresh, it would be taken for what a load has just brought.
                store.remove(key);
            }
            Found::Stale(bytes) => {
                if let Ok(value) = decode(key, &bytes) {
                    counters.stale_hits.count();
                    return LookedUp::Stale(value);
                }
            }
            Found::Missing => {}
        }
        counters.misses.count();
        LookedUp::Missing
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the entries: they may hold anything.
        f.debug_struct("Cache").field("config", &self.0.config).field("stats", &self.stats()).finish()
    }
}
