use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::{InvalidConfig, RateLimitConfig};

use super::RateLimiterHandle;
use super::handle::Shared;
use crate::{Identity, Registry};

/// A rate limiter for each key: a tenant, an API key, an address. Clones are the same limiters.
///
/// At most `max_keys` are kept. Those forgotten are idle ones: they have saved up all they can, so a new one knows as
/// much. When none is idle, all keys there is no room for share one limiter: memory stays bounded, and who calls with
/// ever new keys gets no further than that.
///
/// Keys are shown in no error and no event: all limiters go by the one name given, so a key may be a secret.
#[derive(Clone)]
pub struct KeyedRateLimiterHandle(Arc<Keyed>);

struct Keyed {
    identity: Identity,
    config: Mutex<RateLimitConfig>,
    limiters: Registry<Shared>,
    overflow: RateLimiterHandle,
}

impl KeyedRateLimiterHandle {
    /// Limits each key by this configuration.
    ///
    /// # Errors
    /// What [`RateLimitConfig::validate`] says.
    pub fn new(
        identity: Identity,
        config: &RateLimitConfig,
        max_keys: NonZeroUsize,
    ) -> Result<Self, InvalidConfig> {
        let overflow = RateLimiterHandle::new(identity.clone(), config)?;
        let limiters = Registry::new(max_keys, Shared::is_idle);
        let config = Mutex::new(config.clone());
        Ok(Self(Arc::new(Keyed { identity, config, limiters, overflow })))
    }

    /// The limiter of this key.
    pub fn limiter(&self, key: &str) -> RateLimiterHandle {
        let mut is_new = false;
        let shared = self.0.limiters.entry(key, || {
            is_new = true;
            self.make()
        });
        if Arc::strong_count(&shared) == 1 {
            // The registry has not kept it: there is no room.
            return self.0.overflow.clone();
        }
        let limiter = RateLimiterHandle::from_shared(shared);
        if is_new {
            self.catch_up(&limiter);
        }
        limiter
    }

    /// Puts another configuration in force for every key, those to come too. What is owed stays owed.
    ///
    /// # Errors
    /// What [`RateLimitConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &RateLimitConfig) -> Result<(), InvalidConfig> {
        let adopted = self.adopt(config);
        // Told once for all, and outside of the lock: an observer may look at the limiters.
        self.0.overflow.tell_adopted(&adopted, config.per_second());
        adopted.map(drop)
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.0.limiters.entries().len()
    }

    fn adopt(&self, config: &RateLimitConfig) -> Result<f64, InvalidConfig> {
        // Locked until every limiter has it, so that two that come at once do not mix.
        let mut in_force = self.config();
        let before = self.0.overflow.adopt(config)?;
        in_force.clone_from(config);
        for (_, shared) in self.0.limiters.entries() {
            RateLimiterHandle::from_shared(shared).adopt(config)?;
        }
        Ok(before)
    }

    fn make(&self) -> Shared {
        let config = self.config();
        Shared::new(self.0.identity.clone(), &config).expect("what is in force was found valid")
    }

    /// Another configuration may have been put in force since it was made, before it was in the registry.
    fn catch_up(&self, limiter: &RateLimiterHandle) {
        limiter.adopt(&self.config()).expect("what is in force was found valid");
    }

    fn config(&self) -> MutexGuard<'_, RateLimitConfig> {
        self.0.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyedRateLimiterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimiterHandle")
            .field("target", &self.0.identity.target())
            .finish_non_exhaustive()
    }
}
