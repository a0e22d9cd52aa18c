use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, HedgeConfig, InvalidConfig, RateLimitConfig, RetryBudgetConfig};
use serde::{Deserialize, Serialize};

use super::Load;
use crate::concurrency_limit::ConcurrencyLimitConfig;
use crate::retry::RetryConfig;

/// How a [`Pipeline`](super::Pipeline) guards calls.
///
/// | field | default | |
/// |---|---|---|
/// | `deadline` | `30s` | the time of a whole call; or `"off"` |
/// | `attempt_timeout` | `8s` | the time of one attempt; or `"off"` |
/// | `retry` | [`RetryConfig`] | how calls are repeated |
/// | `retry_budget` | [`RetryBudgetConfig`] | how much repeating each target is spared |
/// | `hedge` | `off` | when idempotent calls are sent a second time; or a [`HedgeConfig`] |
/// | `circuit_breaker` | [`CircuitBreakerConfig`] | when each target's circuit opens |
/// | `concurrency_limit` | [`ConcurrencyLimitConfig`] | how many calls may be under way at each target; or `"off"` |
/// | `rate_limit` | `off` | how many calls may start at each target; or a [`RateLimitConfig`] |
/// | `max_targets` | `1024` | how many targets are remembered |
/// | `expected_load` | `off` | what a target is expected to get and bear, for [`lint`](PipelineConfig::lint) to judge by |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineConfig {
    /// The time of a whole call, waits and attempts included. Above zero; `None` (`"off"`) is no limit of its own.
    /// Default 30 s.
    #[serde(with = "seawall_core::or_off::duration")]
    pub deadline: Option<Duration>,
    /// The time of one attempt. Above zero; `None` (`"off"`) is no limit of its own. Default 8 s.
    /// Four of them, and the waits between, leave the last attempt most of its time before the deadline.
    #[serde(with = "seawall_core::or_off::duration")]
    pub attempt_timeout: Option<Duration>,
    /// How calls are repeated.
    pub retry: RetryConfig,
    /// How much repeating each target is spared.
    pub retry_budget: RetryBudgetConfig,
    /// When a slow attempt of an idempotent call is sent a second time, paid from the same budget as retries. Default
    /// `None` (`"off"`): never.
    #[serde(with = "seawall_core::or_off")]
    pub hedge: Option<HedgeConfig>,
    /// When each target's circuit opens.
    pub circuit_breaker: CircuitBreakerConfig,
    /// How many calls may be under way at each target. `None` (`"off"`) is no limit. Default
    /// [`ConcurrencyLimitConfig::default`]: it learns what the target bears, and leaves one alone that is well.
    #[serde(with = "seawall_core::or_off")]
    pub concurrency_limit: Option<ConcurrencyLimitConfig>,
    /// How many calls may start at each target. Default `None` (`"off"`): no limit.
    #[serde(with = "seawall_core::or_off")]
    pub rate_limit: Option<RateLimitConfig>,
    /// How many targets are remembered. Default 1024.
    pub max_targets: NonZeroUsize,
    /// What a target is expected to get and able to bear: what [`lint`](Self::lint) judges the retry budget by, and
    /// nothing else. Default `None` (`"off"`).
    #[serde(with = "seawall_core::or_off")]
    pub expected_load: Option<Load>,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            deadline: Some(Duration::from_secs(30)),
            attempt_timeout: Some(Duration::from_secs(8)),
            retry: RetryConfig::default(),
            retry_budget: RetryBudgetConfig::default(),
            hedge: None,
            circuit_breaker: CircuitBreakerConfig::default(),
            concurrency_limit: Some(ConcurrencyLimitConfig::default()),
            rate_limit: None,
            max_targets: const { NonZeroUsize::new(1024).unwrap() },
            expected_load: None,
        }
    }
}

impl PipelineConfig {
    /// Checks every rule named at the fields, and every section.
    ///
    /// # Errors
    /// The first field that breaks its rule, with its section: `circuit_breaker.ramp`.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, time) in [("deadline", self.deadline), ("attempt_timeout", self.attempt_timeout)] {
            if time.is_some_and(|time| time.is_zero()) {
                return Err(InvalidConfig::new(field, "0s", "must be above zero, or \"off\""));
            }
        }
        self.retry.validate().map_err(|invalid| invalid.within("retry"))?;
        self.retry_budget.validate().map_err(|invalid| invalid.within("retry_budget"))?;
        let hedge = self.hedge.as_ref().map_or(Ok(()), HedgeConfig::validate);
        hedge.map_err(|invalid| invalid.within("hedge"))?;
        self.circuit_breaker.validate().map_err(|invalid| invalid.within("circuit_breaker"))?;
        let limit = self.concurrency_limit.as_ref().map_or(Ok(()), ConcurrencyLimitConfig::validate);
        limit.map_err(|invalid| invalid.within("concurrency_limit"))?;
        let limit = self.rate_limit.as_ref().map_or(Ok(()), RateLimitConfig::validate);
        limit.map_err(|invalid| invalid.within("rate_limit"))?;
        let load = self.expected_load.as_ref().map_or(Ok(()), Load::validate);
        load.map_err(|invalid| invalid.within("expected_load"))
    }
}
