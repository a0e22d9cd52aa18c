use std::fmt;
use std::sync::{Arc, Mutex};

use backon::{BackoffBuilder, ExponentialBuilder};
use seawall_core::{ByKind, Idempotency, InvalidConfig, RetryBudget, RetryBudgetConfig, SharedRetryBudget};

use super::course::Course;
use super::knobs::Knobs;
use super::settings::Settings;
use super::{RetryConfig, STRATEGY};
use crate::clock::now;
use crate::{Identity, TimeLimitHandle};

/// When a call is made again: what [`Retry`](super::Retry) follows. It is a [`tower::retry::Policy`] too, for stock
/// `tower::retry::Retry`, where attempts do not see their number.
///
/// It is its own handle: clones share budget, chance and the configuration that [`reconfigure`](Self::reconfigure)
/// changes live, and start a call of their own.
pub struct RetryPolicy<C = ByKind, B: BackoffBuilder = ExponentialBuilder> {
    pub(super) settings: Arc<Settings<C, B>>,
    // Only used as tower's policy, which carries its call along.
    pub(super) course: Course<B::Backoff>,
}

impl RetryPolicy {
    /// A policy with a budget of its own ([`RetryBudgetConfig::default`]), judging by [`ByKind`].
    ///
    /// # Errors
    /// What [`RetryConfig::validate`] says.
    pub fn new(config: &RetryConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let budget = RetryBudget::new(RetryBudgetConfig::default(), now())?;
        let knobs = Knobs::new(config.clone(), config.backoff(), Some(RetryConfig::backoff));
        Ok(Self::of(Settings {
            classifier: ByKind,
            knobs: Arc::new(knobs),
            budget: Some(SharedRetryBudget::new(budget)),
            attempt_timeout: None,
            unspecified: Idempotency::NotIdempotent,
            within_retries: false,
            identity: Identity::default(),
            rng: Arc::new(Mutex::new(fastrand::Rng::new())),
        }))
    }
}

impl<C, B: BackoffBuilder> RetryPolicy<C, B> {
    /// Says how results are judged and requests repeated: by something that is
    /// [`Classify`](seawall_core::Classify) and [`Replay`](crate::Replay).
    pub fn classifier<D>(self, classifier: D) -> RetryPolicy<D, B> {
        RetryPolicy::of(self.settings.refit(classifier, Arc::clone(&self.settings.knobs)))
    }

    /// Puts another configuration in force, for calls under way too as far as they have not planned their waits. The
    /// budget is not touched. Waits by a sequence of one's own ([`backoff`](Self::backoff)) stay as they are. Tells
    /// [`Event::Reconfigured`](seawall_core::Event::Reconfigured) or
    /// [`Event::ReconfigurationRefused`](seawall_core::Event::ReconfigurationRefused).
    ///
    /// # Errors
    /// What [`RetryConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &RetryConfig) -> Result<(), InvalidConfig> {
        let result = config.validate();
        if result.is_ok() {
            self.settings.knobs.set(config.clone());
        }
        self.settings.identity.tell_reconfigured(STRATEGY, &result);
        result
    }

    /// Puts another configuration of the layer's budget in force, and keeps what the new cap allows of its balance.
    /// Tells as [`reconfigure`](Self::reconfigure) does. Without a budget, nothing changes.
    ///
    /// # Errors
    /// What [`RetryBudgetConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure_budget(&self, config: &RetryBudgetConfig) -> Result<(), InvalidConfig> {
        let result = match &self.settings.budget {
            Some(budget) => budget.reconfigure(config, now()),
            None => config.validate(),
        };
        self.settings.identity.tell_reconfigured(STRATEGY, &result);
        result
    }

    /// The configuration in force.
    pub fn config(&self) -> RetryConfig {
        self.settings.knobs.config()
    }
}

impl<C: Clone, B: BackoffBuilder> RetryPolicy<C, B> {
    /// Waits by another sequence, as it is: with jitter only if it has its own. When it ends, so do the retries.
    pub fn backoff<K: BackoffBuilder>(self, backoff: K) -> RetryPolicy<C, K> {
        let Settings { classifier, knobs, .. } = &*self.settings;
        RetryPolicy::of(self.settings.refit(classifier.clone(), Arc::new(knobs.with_backoff(backoff))))
    }

    /// Pays from this budget, unless the call's context brings its own.
    pub fn budget(self, budget: SharedRetryBudget) -> Self {
        self.change(|settings| settings.budget = Some(budget))
    }

    /// Tells how long an attempt may take, as [`AttemptTimeoutLayer::handle`](crate::AttemptTimeoutLayer::handle) says:
    /// answers that take much of it show that the backend is busy, and then the budget lends less
    /// ([`Slack`](seawall_core::Slack)). Without it, every answer is taken for quick.
    pub fn attempt_timeout(self, limit: TimeLimitHandle) -> Self {
        self.change(|settings| settings.attempt_timeout = Some(limit))
    }

    /// Retries without a budget: when nothing works, every call costs all its attempts.
    pub fn without_budget(self) -> Self {
        self.change(|settings| settings.budget = None)
    }

    /// Says what a call is of which neither its context nor the backend says whether it may be repeated.
    /// [`Idempotency::NotIdempotent`] until then.
    pub fn unspecified_is(self, idempotency: Idempotency) -> Self {
        self.change(|settings| settings.unspecified = idempotency)
    }

    /// Retries also within the attempts of another Seawall retry, so that attempts multiply. See the
    /// [module](super) for why they do not until then.
    pub fn within_retries(self) -> Self {
        self.change(|settings| settings.within_retries = true)
    }

    /// Says what the layer is called and who is told.
    pub fn identity(self, identity: Identity) -> Self {
        self.change(|settings| settings.identity = identity)
    }

    /// Takes chance from a seed, so that a simulation can be repeated.
    pub fn seed(self, seed: u64) -> Self {
        self.change(|settings| settings.rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    fn change(mut self, change: impl FnOnce(&mut Settings<C, B>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<C, B: BackoffBuilder> RetryPolicy<C, B> {
    fn of(settings: Settings<C, B>) -> Self {
        Self { settings: Arc::new(settings), course: Course::new(false) }
    }
}

// By hand: a clone starts a call of its own.
impl<C, B: BackoffBuilder> Clone for RetryPolicy<C, B> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), course: Course::new(false) }
    }
}

impl<C, B: BackoffBuilder> fmt::Debug for RetryPolicy<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { knobs, identity, unspecified, .. } = &*self.settings;
        f.debug_struct("RetryPolicy")
            .field("config", &knobs.config())
            .field("identity", identity)
            .field("unspecified", unspecified)
            .finish_non_exhaustive()
    }
}
