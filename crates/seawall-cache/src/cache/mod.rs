mod any;
mod builder;
mod fetch;

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

pub use builder::CacheBuilder;
use fetch::Fetch;
use futures_util::future::{BoxFuture, Either, ready};
use seawall_core::{BoxError, Error, FailureKind, Name};

use crate::flight::Unloaded;
use crate::load::{Load, Made, Request};
use crate::shared::{Found, Shared};
use crate::{CacheStats, Encoded, Key, Tags, TimeToLive, Ttl, Value};

/// A cache: bounded memory with expiry, one load for all who miss, and, if you give it one, a second tier that processes
/// share. A clone is another handle on the same cache.
///
/// It comes in two forms that do the same:
///
/// - **`Cache`**, without parameters, holds values of any serde type by strings. They are kept as JSON, so every hit decodes
///   one.
/// - **`Cache<K, V>`** holds values of one type by keys of one type, as they are. A hit clones one, so put large ones into
///   an [`Arc`]. It is the fast form: a hit costs little more than the look-up.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use seawall_cache::Cache;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users: Cache<u64, Arc<str>> = Cache::builder("users").capacity(100_000).build()?;
///
/// let ada = users.get_or_load(&1, Duration::from_secs(60), || async { Ok("Ada".into()) }).await?;
/// assert_eq!(&*ada, "Ada");
/// assert_eq!(users.get(&1), Some(ada));
/// # Ok(()) }
/// ```
///
/// The expiry follows tokio's clock, which tests can pause; in a runtime of several threads, where nobody can pause it, a
/// cache made there follows the kernel's coarse clock instead (Linux), whose ticks are 1 to 10 ms. Loading needs a tokio
/// runtime.
pub struct Cache<K = String, V = Encoded>(Arc<Shared<K, V>>);

impl<K, V> Cache<K, V> {
    /// A cache of values of one type.
    ///
    /// `name` stands for it in errors and events, and in the second tier, where caches of the same name share their entries.
    pub fn builder(name: impl Into<Arc<str>>) -> CacheBuilder<K, V> {
        CacheBuilder::new(name.into())
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared<K, V>> {
        &self.0
    }
}

/// The form for values of one type.
impl<K: Key, V: Clone + Send + Sync + 'static> Cache<K, V> {
    /// What memory has under `key`, unless its time to live is over. The second tier is not asked.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(key)
    }

    /// What memory or, if that has nothing, the second tier has under `key`. Memory is asked as this is called; what is
    /// awaited is the second tier.
    ///
    /// # Errors
    /// At the deadline of the call. What fails in the second tier counts as nothing there.
    ///
    /// # Cancel safety
    /// Cancel safe: what was asked for still comes into memory.
    ///
    /// # Panics
    /// Outside a tokio runtime, when the second tier is to be asked.
    #[inline]
    pub fn fetch<Q>(&self, key: &Q) -> impl Future<Output = Result<Option<V>, Error>> + Send
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        // At once, so that there is no future to be made of what memory has.
        match self.0.get(key) {
            Some(value) => Fetch::Near(Some(value)),
            None if self.0.remote.is_some() => Fetch::Far(self.fetch_far(key)),
            None => Fetch::Near(None),
        }
    }

    #[cold]
    #[inline(never)]
    fn fetch_far<Q>(&self, key: &Q) -> BoxFuture<'_, Result<Option<V>, Error>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        Box::pin(self.fetch_named(key.to_owned(), self.name(), |_| true))
    }

    /// Keeps `value` under `key` for `ttl` (give or take the jitter), in place of what was there, in both tiers.
    ///
    /// A load of the same key that is under way does not overwrite it. A value too heavy for the cache is
    /// not kept, and that is no error: [`CacheStats::rejected`] counts it. Nor is it one if the second tier fails: memory has
    /// the value, [`CacheStats::second_tier_failures`] counts, and other processes may go on with what they have.
    ///
    /// Memory has it as soon as this is called; what is awaited is the second tier.
    ///
    /// # Errors
    /// When `value` has no form in the codec of the second tier. Nothing is kept then.
    ///
    /// # Cancel safety
    /// Dropped, it has put the value into memory, and into the second tier perhaps.
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "what is handed over is a plain time, nearly always")]
    pub fn set(
        &self,
        key: K,
        value: V,
        ttl: impl TimeToLive<V>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        match ttl.time_to_live(&value) {
            Some(time) => self.0.set_everywhere(key, value, &time, ttl.tags()),
            None => Either::Left(ready(Ok(()))),
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
    ///
    /// # Cancel safety
    /// Dropped, it has removed it from memory, and elsewhere perhaps.
    pub async fn remove<Q>(&self, key: &Q) -> Result<bool, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
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
    /// An entry that is stale by its [`Ttl`] is returned at once, and one load renews it behind the scenes; so is,
    /// by chance, one that is about to expire ([`CacheConfig::early_refresh`](crate::CacheConfig::early_refresh)).
    ///
    /// # Errors
    /// What the loader failed with reaches every waiter, as the [`source`](std::error::Error::source) of an
    /// error of the same kind. A panic of the loader is a
    /// [`FailureKind::Permanent`](seawall_core::FailureKind::Permanent) error; a loader too slow is a
    /// [`FailureKind::Timeout`](seawall_core::FailureKind::Timeout), and so is a deadline of the caller
    /// that passed first. Failures are remembered only if the [`Ttl`](Ttl::failures) says so, and never reach anybody
    /// while it has [something old](Ttl::on_error) to serve instead.
    ///
    /// # Cancel safety
    /// Cancel safe: the load goes on and fills the cache.
    ///
    /// # Panics
    /// Outside a tokio runtime, when there is something to load.
    pub async fn get_or_load<Q, F, Fut>(
        &self,
        key: &Q,
        ttl: impl TimeToLive<V> + Send + Sync + 'static,
        loader: F,
    ) -> Result<V, Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let found = self.0.look_up(key);
        if let Found::Fresh(value) | Found::Resting(value) = found {
            return Ok(value);
        }
        let loading = Loading { name: self.name(), tags: ttl.tags(), accepts: |_| true };
        let ttl = Arc::new(ttl);
        let of_failure = Arc::clone(&ttl);
        let loader = move || async move {
            let value = loader().await?;
            let time = ttl.time_to_live(&value);
            Ok(Some((value, time)))
        };
        let failure_time = move |error: &Error| of_failure.failure_time(error);
        Box::pin(self.answer(found, || key.to_owned(), loading, failure_time, loader)).await
    }
}

impl<K: Key, V: Value> Cache<K, V> {
    /// Ends every entry that is kept under any of these tags, in both tiers and in every process that hears of it, whatever
    /// their number: it takes one step for each tag.
    ///
    /// A load under such a tag that is under way still answers its waiters, but what it brings is outdated already.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn invalidate(&self, tags: impl Into<Tags>) -> Result<(), Error> {
        let tags = tags.into();
        self.0.invalidate(tags.hashes());
        match &self.0.remote {
            Some(remote) if !tags.is_empty() => {
                let told = remote.invalidate(&tags, self.0.calendar()).await;
                // Again: meanwhile somebody may have read what the second tier had until now.
                self.0.invalidate(tags.hashes());
                told
            }
            _ => Ok(()),
        }
    }

    /// Forgets everything, as [`remove`](Self::remove) of every key does.
    ///
    /// # Errors
    /// As [`remove`](Self::remove).
    pub async fn clear(&self) -> Result<(), Error> {
        self.0.clear();
        match &self.0.remote {
            Some(remote) => {
                let told = remote.clear(self.0.calendar()).await;
                // Again: meanwhile somebody may have read what the second tier had until now.
                self.0.clear();
                told
            }
            None => Ok(()),
        }
    }

    /// A time to live, for what `#[cached]` writes: methods, so that it need not know what this crate is called.
    #[doc(hidden)]
    pub const fn fresh_for(&self, time: Duration) -> Ttl {
        Ttl::fresh(time)
    }

    /// A failure as everybody who waits can have a copy of it, for what `#[cached]` writes.
    #[doc(hidden)]
    pub fn failure_of(&self, error: impl Into<BoxError>) -> Error {
        Error::from_boxed(error.into(), "cache", self.name())
    }

    /// What the cache has done so far, and what it holds.
    pub fn stats(&self) -> CacheStats {
        self.0.stats()
    }
}

/// What a load is about, whatever its key.
struct Loading<V> {
    name: Name,
    tags: Tags,
    accepts: fn(&V) -> bool,
}

impl<K: Key, V: Value> Cache<K, V> {
    fn name(&self) -> Name {
        Name::from(&self.0.voice.name)
    }

    /// Answers with what was found, or with what is loaded for it.
    async fn answer<F, Fut, T>(
        &self,
        found: Found<V>,
        key: impl Fn() -> K,
        loading: Loading<V>,
        failure_time: T,
        loader: F,
    ) -> Result<V, Error>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Made<V>> + Send + 'static,
        T: FnOnce(&Error) -> Option<Duration> + Clone + Send + 'static,
    {
        let Loading { name, tags, accepts } = loading;
        let request = |renews| Request { name: name.clone(), tags: tags.clone(), renews, accepts };
        match found {
            Found::Fresh(value) | Found::Resting(value) => Ok(value),
            Found::Early(value, expiry) => {
                if let Load::Launched(_) = self.0.load(key(), request(expiry), failure_time, loader) {
                    self.0.counters.early_refreshes.count();
                }
                Ok(value)
            }
            Found::Stale(value) => {
                let _renewal = self.0.load(key(), request(0), failure_time, loader);
                Ok(value)
            }
            Found::Failed(error) => Err(Unloaded::Failed(error).about(&name)),
            Found::Missing => {
                let mut loader = loader;
                loop {
                    let waiter = match self.0.load(key(), request(0), failure_time.clone(), loader) {
                        Load::Landed(value) => return Ok(value),
                        Load::Launched(waiter) => {
                            let landed =
                                waiter.wait(&name).await.map_err(|unloaded| unloaded.about(&name))?;
                            return landed.ok_or_else(|| nothing(&name));
                        }
                        Load::Joined(waiter, ours) => {
                            loader = ours;
                            waiter
                        }
                    };
                    if let Some(value) = waiter.wait(&name).await.map_err(|unloaded| unloaded.about(&name))? {
                        return Ok(value);
                    }
                    // It was a look into the second tier, and found nothing: now it is our turn.
                }
            }
        }
    }

    /// Asks the second tier, as a load that has no loader.
    async fn fetch_named(&self, key: K, name: Name, accepts: fn(&V) -> bool) -> Result<Option<V>, Error> {
        let request = Request { name: name.clone(), tags: Tags::default(), renews: 0, accepts };
        let waiter = match self.0.load(key, request, |_| None, || async { Ok(None) }) {
            Load::Landed(value) => return Ok(Some(value)),
            Load::Launched(waiter) | Load::Joined(waiter, _) => waiter,
        };
        waiter.wait(&name).await.map_err(|unloaded| unloaded.about(&name))
    }
}

fn nothing(name: &Name) -> Error {
    Error::new(FailureKind::Cancelled, "cache", name.clone()).with_message("the loader brought nothing")
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Key, V: Value> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the entries: they may hold anything.
        f.debug_struct("Cache").field("config", &self.0.config).field("stats", &self.0.stats()).finish()
    }
}
