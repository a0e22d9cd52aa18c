use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder;
use seawall_core::{Jitter, Spread};

use super::RetryConfig;

/// What can be changed of a retry while it is in force. Only the number of attempts is asked by calls that succeed.
pub(super) struct Knobs<B> {
    max_attempts: AtomicU32,
    plan: Mutex<Plan<B>>,
}

#[derive(Clone)]
struct Plan<B> {
    config: RetryConfig,
    backoff: B,
    // Makes the sequence of waits of a configuration; `None` where the user brought a sequence of their own.
    follow: Option<fn(&RetryConfig) -> B>,
}

impl<B> Knobs<B> {
    pub(super) const fn new(config: RetryConfig, backoff: B, follow: Option<fn(&RetryConfig) -> B>) -> Self {
        let max_attempts = AtomicU32::new(config.max_attempts.get());
        Self { max_attempts, plan: Mutex::new(Plan { config, backoff, follow }) }
    }

    /// The same knobs with a sequence of the user's own.
    pub(super) fn with_backoff<K>(&self, backoff: K) -> Knobs<K> {
        Knobs::new(self.config(), backoff, None)
    }

    pub(super) fn max_attempts(&self) -> u32 {
        // Nothing else hangs on it, so no order is asked for.
        self.max_attempts.load(Ordering::Relaxed)
    }

    pub(super) fn config(&self) -> RetryConfig {
        self.plan().config.clone()
    }

    pub(super) fn max_retry_after(&self) -> Duration {
        self.plan().config.max_retry_after
    }

    /// Puts a configuration in force that was found to be valid.
    pub(super) fn set(&self, config: RetryConfig) {
        self.max_attempts.store(config.max_attempts.get(), Ordering::Relaxed);
        let mut plan = self.plan();
        if let Some(follow) = plan.follow {
            plan.backoff = follow(&config);
        }
        plan.config = config;
    }

    fn plan(&self) -> MutexGuard<'_, Plan<B>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: BackoffBuilder + Clone> Knobs<B> {
    /// The waits of one call, and how they are spread: a sequence of the user's own is not.
    pub(super) fn waits(&self) -> (B::Backoff, Spread) {
        let Plan { config, backoff, follow } = self.plan().clone();
        let spread = match follow {
            Some(_) => Spread::new(config.jitter, config.max_delay),
            None => Spread::new(Jitter::None, Duration::MAX),
        };
        (backoff.build(), spread)
    }
}

impl<B> fmt::Debug for Knobs<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Knobs").field(&self.config()).finish()
    }
}

/// The number of an attempt, from 1.
pub(super) fn number(attempt: u32) -> NonZeroU32 {
    NonZeroU32::new(attempt).expect("attempts are counted from 1")
}
