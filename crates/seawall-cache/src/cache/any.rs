use std::future::Future;
use std::sync::Arc;

use futures_util::future::{Either, ready};
use seawall_core::{Error, InvalidConfig, Name};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cache, CacheBuilder, Loading};
use crate::codec::{decode, encode};
use crate::shared::Found;
use crate::{CacheConfig, Encoded, TimeToLive};

/// The form for values of any serde type.
impl Cache {
    /// An empty cache for values of any type, in memory only.
    ///
    /// # Errors
    /// When a value of the configuration is out of its bounds.
    pub fn new(config: &CacheConfig) -> Result<Self, InvalidConfig> {
        Self::any("default").config(config).build()
    }

    /// A cache for values of any type, that can have a second tier. Its capacity is in bytes, 64 MiB by default.
    ///
    /// `name` stands for it in events, and in the second tier, where caches of the same name share their entries.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use seawall_cache::{Cache, Json, SecondTier};
    ///
    /// # fn f(redis: Arc<dyn SecondTier>) -> Result<(), seawall_core::InvalidConfig> {
    /// let cache = Cache::any("app").second_tier(redis, Json).build()?;
    /// # Ok(()) }
    /// ```
    pub fn any(name: impl Into<Arc<str>>) -> CacheBuilder<String, Encoded> {
        CacheBuilder::any(name.into())
    }

    /// The value of `key`, unless there is none or its time to live is over. Memory is asked first, then the second tier.
    ///
    /// `None` cached as a value reads as `Some(None)` of an `Option<Option<T>>`.
    ///
    /// # Errors
    /// When the value kept under `key` is not a `T`, and at the deadline of the call.
    ///
    /// # Cancel safety
    /// Cancel safe: what was asked for still comes into memory.
    ///
    /// # Panics
    /// Outside a tokio runtime, when the second tier is to be asked.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let value = match self.0.get(key) {
            Some(value) => Some(value),
            None if self.0.remote.is_none() => None,
            None => Box::pin(self.fetch_named(key.to_owned(), Name::from(key.to_owned()), |_| true)).await?,
        };
        value.map(|value| decode(key, &value)).transpose()
    }

    /// Keeps `value` under `key` for `ttl` (give or take the jitter), in place of what was there, in both tiers.
    ///
    /// A load of the same key that is under way does not overwrite it. A value too large for the cache is
    /// not kept, and that is no error: [`CacheStats::rejected`](crate::CacheStats::rejected) counts it. Nor is it one if the second tier fails: memory has
    /// the value, [`CacheStats::second_tier_failures`](crate::CacheStats::second_tier_failures) counts, and other processes may go on with what they have.
    ///
    /// Memory has it as soon as this is called; what is awaited is the second tier.
    ///
    /// # Errors
    /// When `value` has no form in JSON, such as a map whose keys are not strings.
    #[expect(clippy::needless_pass_by_value, reason = "what is handed over is a plain time, nearly always")]
    pub fn set<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        ttl: impl TimeToLive<T>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let Some(time) = ttl.time_to_live(value) else { return Either::Left(ready(Ok(()))) };
        match encode(key.to_owned(), value) {
            Ok(value) => self.0.set_everywhere(key.to_owned(), value, &time, ttl.tags()),
            Err(error) => Either::Left(ready(Err(error))),
        }
    }

    /// Forgets `key` in both tiers and in every process that hears of it, and says whether memory had anything under it,
    /// expired or not.
    ///
    /// A load of the same key that is under way still answers its waiters, but is not kept, here or in the second tier: what
    /// it read may be older than the reason for removing.
    ///
    /// # Errors
    /// When the second tier, or those who listen to it, could not be told. Memory has forgotten it all the same, and this
    /// process does not read again what the second tier had until now. Other processes may, until it expires: repeat it.
    pub async fn remove(&self, key: &str) -> Result<bool, Error> {
        let removed = self.0.remove(key);
        if let Some(remote) = &self.0.remote {
            let told = Box::pin(remote.remove(&key.to_owned(), self.0.calendar())).await;
            // Again: meanwhile somebody may have read what the second tier had until now.
            self.0.remove(key);
            told?;
        }
        Ok(removed)
    }

    /// The value of `key`; if there is none, the one that `loader` makes, kept for `ttl`.
    ///
    /// However many callers ask at once, one loader runs, in a task of its own: a caller that gives up, at
    /// its [`CallContext`](seawall_core::CallContext) deadline or by being dropped, stops nothing. The
    /// loader sees the first caller's priority, idempotency and retry budget, but not its deadline; it has
    /// the configured `load_timeout`. The second tier, if there is one, is asked before the loader.
    ///
    /// An entry that is stale by its [`Ttl`](crate::Ttl) is returned at once, and one load renews it behind the scenes; so is,
    /// by chance, one that is about to expire ([`CacheConfig::early_refresh`]). An entry that is not a `T` counts as none.
    ///
    /// # Errors
    /// What the loader failed with reaches every waiter, as the [`source`](std::error::Error::source) of an
    /// error of the same kind. A panic of the loader is a
    /// [`FailureKind::Permanent`](seawall_core::FailureKind::Permanent) error; a loader too slow is a
    /// [`FailureKind::Timeout`](seawall_core::FailureKind::Timeout), and so is a deadline of the caller
    /// that passed first. Failures are remembered only if the [`Ttl`](crate::Ttl::failures) says so, and never reach anybody
    /// while it has [something old](crate::Ttl::on_error) to serve instead.
    ///
    /// # Cancel safety
    /// Cancel safe: the load goes on and fills the cache.
    ///
    /// # Panics
    /// Outside a tokio runtime, when there is something to load.
    pub async fn get_or_load<T, F, Fut>(
        &self,
        key: &str,
        ttl: impl TimeToLive<T> + Send + Sync + 'static,
        loader: F,
    ) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let found = match self.look_up(key) {
            LookedUp::Fresh(value) => return Ok(value),
            LookedUp::Else(found) => found,
        };
        let loading = Loading { name: key.to_owned().into(), tags: ttl.tags(), accepts: is_a::<T> };
        let ttl = Arc::new(ttl);
        let of_failure = Arc::clone(&ttl);
        let name = key.to_owned();
        let loader = move || async move {
            let value = loader().await?;
            let time = ttl.time_to_live(&value);
            Ok(Some((encode(name, &value)?, time)))
        };
        let failure_time = move |error: &Error| of_failure.failure_time(error);
        let value = Box::pin(self.answer(found, || key.to_owned(), loading, failure_time, loader)).await?;
        decode(key, &value)
    }
}

/// What memory has, for one who would load it otherwise.
enum LookedUp<T> {
    /// Nothing is to be loaded.
    Fresh(T),
    /// Something is; what is found can be read as a `T`.
    Else(Found<Encoded>),
}

/// Whether it can be read as a `T`. What another version of the type left cannot.
fn is_a<T: DeserializeOwned>(value: &Encoded) -> bool {
    decode::<T>("", value).is_ok()
}

impl Cache {
    /// Looks up and counts. An entry that is not a `T` is none: only a load can put it right.
    fn look_up<T: DeserializeOwned>(&self, key: &str) -> LookedUp<T> {
        let found = self.0.look_up(key);
        match &found {
            Found::Fresh(value) | Found::Resting(value) => match decode(key, value) {
                Ok(value) => LookedUp::Fresh(value),
                Err(_) => self.unreadable(key),
            },
            Found::Early(value, _) | Found::Stale(value) if !is_a::<T>(value) => self.unreadable(key),
            _ => LookedUp::Else(found),
        }
    }

    fn unreadable<T>(&self, key: &str) -> LookedUp<T> {
        // Fresh, it would be taken for what a load has just brought.
        self.0.remove(key);
        LookedUp::Else(Found::Missing)
    }
}
