use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{
    CircuitState, Idempotency, InvalidConfig, RateLimitConfig, RetryBudget, SharedRetryBudget,
};
use serde::Serialize;

use super::PipelineConfig;
use super::optional::Switch;
use crate::Identity;
use crate::attempt_timeout::AttemptTimeoutLayer;
use crate::circuit_breaker::CircuitBreakerHandle;
use crate::clock::now;
use crate::concurrency_limit::ConcurrencyLimitHandle;
use crate::deadline::DeadlineLayer;
use crate::hedge::{HedgeHandle, HedgeSettings};
use crate::rate_limit::RateLimiterHandle;
use crate::retry::RetryPolicy;

/// The longest that a target without a rate limit of its own is left alone because it asked for it.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How one target of a pipeline does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Its name.
    pub target: String,
    /// What its circuit does.
    pub circuit: CircuitState,
    /// What its budget holds, in retries.
    pub budget_balance: f64,
    /// How many calls may be under way at a time; `None` where the concurrency limit is off.
    pub limit: Option<f64>,
    /// How many calls the concurrency limit has let in that have not ended; 0 where it is off.
    pub in_flight: u32,
    /// How many calls wait for their turn, at the concurrency limit and at the rate limit together.
    pub waiting: usize,
}

/// What all layers made for one target share.
#[derive(Debug)]
pub(super) struct Target<C> {
    pub(super) identity: Identity,
    pub(super) classifier: C,
    pub(super) deadline: DeadlineLayer,
    pub(super) retry: RetryPolicy<C>,
    pub(super) budget: SharedRetryBudget,
    hedge: HedgeHandle,
    pub(super) hedge_settings: Arc<HedgeSettings<C>>,
    pub(super) hedges: Switch,
    pub(super) breaker: CircuitBreakerHandle,
    pub(super) limit: ConcurrencyLimitHandle,
    pub(super) limits_concurrency: Switch,
    pub(super) limiter: RateLimiterHandle,
    pub(super) limits_rate: Switch,
    pub(super) attempt_timeout: AttemptTimeoutLayer,
}

/// The limit of a target without one: it holds calls back only while the target has asked for a pause.
fn only_pauses() -> RateLimitConfig {
    RateLimitConfig {
        limit: const { NonZeroU32::new(1_000_000_000).unwrap() },
        burst: const { NonZeroU32::new(1_000_000).unwrap() },
        max_wait: Some(LONGEST_PAUSE),
        max_retry_after: LONGEST_PAUSE,
        ..RateLimitConfig::default()
    }
}

impl<C: Clone> Target<C> {
    /// What is off is made all the same, as by its defaults: it may be switched on.
    ///
    /// # Errors
    /// What [`PipelineConfig::validate`] says.
    pub(super) fn new(
        identity: Identity,
        config: &PipelineConfig,
        classifier: C,
        mut chance: fastrand::Rng,
    ) -> Result<Self, InvalidConfig> {
        let budget = SharedRetryBudget::new(RetryBudget::new(config.retry_budget.clone(), now())?);
        let retry = RetryPolicy::new(&config.retry)?.budget(budget.clone()).identity(identity.clone());
        let attempt_timeout =
            AttemptTimeoutLayer::optional(config.attempt_timeout).identity(identity.clone());
        let retry = retry.seed(chance.u64(..)).attempt_timeout(attempt_timeout.handle());
        let (limit, rate) = (config.concurrency_limit.as_ref(), config.rate_limit.as_ref());
        let hedge = config.hedge.as_ref();
        let handle = HedgeHandle::new(identity.clone(), &hedge.cloned().unwrap_or_default())?;
        let hedge_settings = HedgeSettings {
            handle: handle.clone(),
            classifier: classifier.clone(),
            unspecified: Idempotency::NotIdempotent,
            budget: Some(budget.clone()),
        };
        Ok(Self {
            deadline: DeadlineLayer::optional(config.deadline).identity(identity.clone()),
            retry: retry.classifier(classifier.clone()),
            budget,
            hedge: handle,
            hedge_settings: Arc::new(hedge_settings),
            hedges: Switch::new(hedge.is_some()),
            breaker: CircuitBreakerHandle::seeded(identity.clone(), &config.circuit_breaker, chance.u64(..))?,
            limit: ConcurrencyLimitHandle::new(identity.clone(), &limit.cloned().unwrap_or_default())?,
            limits_concurrency: Switch::new(limit.is_some()),
            limiter: RateLimiterHandle::new(identity.clone(), &rate.cloned().unwrap_or_else(only_pauses))?,
            limits_rate: Switch::new(rate.is_some()),
            attempt_timeout,
            classifier,
            identity,
        })
    }
}

impl<C> Target<C> {
    /// Puts another configuration in force, which every layer tells, and keeps what was counted, learnt and owed.
    ///
    /// # Errors
    /// What [`PipelineConfig::validate`] says.
    pub(super) fn reconfigure(&self, config: &PipelineConfig) -> Result<(), InvalidConfig> {
        self.deadline.handle().set(config.deadline)?;
        self.retry.reconfigure(&config.retry)?;
        self.retry.reconfigure_budget(&config.retry_budget)?;
        if let Some(hedge) = &config.hedge {
            self.hedge.reconfigure(hedge)?;
        }
        self.hedges.turn(config.hedge.is_some());
        self.breaker.reconfigure(&config.circuit_breaker)?;
        if let Some(limit) = &config.concurrency_limit {
            self.limit.reconfigure(limit)?;
        }
        self.limits_concurrency.turn(config.concurrency_limit.is_some());
        if let Some(limit) = &config.rate_limit {
            self.limiter.reconfigure(limit)?;
        }
        self.limits_rate.turn(config.rate_limit.is_some());
        self.attempt_timeout.handle().set(config.attempt_timeout)
    }

    pub(super) fn status(&self, name: &str) -> TargetStatus {
        let now = now();
        TargetStatus {
            target: name.to_owned(),
            circuit: self.breaker.state(),
            budget_balance: self.budget.with(|budget| budget.balance(now)),
            limit: self.limits_concurrency.is_on().then(|| self.limit.limit()),
            in_flight: self.limit.in_flight(),
            waiting: self.limit.waiting() + self.limiter.waiting(),
        }
    }

    /// Whether nothing would be lost with it: it stands where a new one would.
    pub(super) fn is_forgettable(&self) -> bool {
        self.breaker.is_forgettable()
            && (!self.limits_concurrency.is_on() || self.limit.is_idle())
            && (!(self.limits_rate.is_on() || self.limiter.is_paused()) || self.limiter.is_idle())
            && self.has_its_reserve()
    }

    /// Whether a new budget would hold no more. One that nothing comes back to unless it is called would never be
    /// forgotten again, so it may be.
    fn has_its_reserve(&self) -> bool {
        let now = now();
        self.budget.with(|budget| {
            let (reserve, trickle) = (budget.config().reserve, budget.config().trickle);
            trickle <= 0.0 || budget.balance(now) >= reserve - 1e-9
        })
    }
}
