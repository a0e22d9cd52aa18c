//! A pipeline's section of a configuration file, read over the defaults of whoever has the pipeline.
#![expect(clippy::option_option, reason = "a knob that is off is not one that is left out")]

use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, HedgeConfig, RateLimitConfig, RetryBudgetConfig, or_off};
use serde::{Deserialize, Deserializer};

use super::{Load, PipelineConfig};
use crate::concurrency_limit::ConcurrencyLimitConfig;
use crate::retry::RetryConfig;

impl PipelineConfig {
    /// Reads a configuration that has `defaults` for the fields it leaves out, in place of
    /// [`PipelineConfig::default`]: for clients whose pipelines have defaults of their own. A section within it, such as
    /// `circuit_breaker`, has its own type's defaults for what it leaves out.
    ///
    /// ```
    /// use seawall_tower::PipelineConfig;
    ///
    /// let unlimited = PipelineConfig { concurrency_limit: None, ..PipelineConfig::default() };
    /// let mut json = serde_json::Deserializer::from_str(r#"{"deadline": "5s"}"#);
    /// let config = PipelineConfig::deserialize_over(unlimited, &mut json).unwrap();
    /// assert_eq!((config.deadline.unwrap().as_secs(), config.concurrency_limit), (5, None));
    /// ```
    ///
    /// # Errors
    /// Those of the deserializer, and fields that there are none of.
    pub fn deserialize_over<'de, D: Deserializer<'de>>(
        defaults: Self,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        let section = Section::deserialize(deserializer)?;
        Ok(Self {
            deadline: section.deadline.unwrap_or(defaults.deadline),
            attempt_timeout: section.attempt_timeout.unwrap_or(defaults.attempt_timeout),
            retry: section.retry.unwrap_or(defaults.retry),
            retry_budget: section.retry_budget.unwrap_or(defaults.retry_budget),
            hedge: section.hedge.unwrap_or(defaults.hedge),
            circuit_breaker: section.circuit_breaker.unwrap_or(defaults.circuit_breaker),
            concurrency_limit: section.concurrency_limit.unwrap_or(defaults.concurrency_limit),
            rate_limit: section.rate_limit.unwrap_or(defaults.rate_limit),
            max_targets: section.max_targets.unwrap_or(defaults.max_targets),
            expected_load: section.expected_load.unwrap_or(defaults.expected_load),
        })
    }
}

/// The fields of a [`PipelineConfig`]; `None` for those that are left out.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "struct PipelineConfig")]
struct Section {
    #[serde(deserialize_with = "duration_or_off")]
    deadline: Option<Option<Duration>>,
    #[serde(deserialize_with = "duration_or_off")]
    attempt_timeout: Option<Option<Duration>>,
    #[serde(deserialize_with = "value")]
    retry: Option<RetryConfig>,
    #[serde(deserialize_with = "value")]
    retry_budget: Option<RetryBudgetConfig>,
    #[serde(deserialize_with = "value_or_off")]
    hedge: Option<Option<HedgeConfig>>,
    #[serde(deserialize_with = "value")]
    circuit_breaker: Option<CircuitBreakerConfig>,
    #[serde(deserialize_with = "value_or_off")]
    concurrency_limit: Option<Option<ConcurrencyLimitConfig>>,
    #[serde(deserialize_with = "value_or_off")]
    rate_limit: Option<Option<RateLimitConfig>>,
    #[serde(deserialize_with = "value")]
    max_targets: Option<NonZeroUsize>,
    #[serde(deserialize_with = "value_or_off")]
    expected_load: Option<Option<Load>>,
}

/// A field that is there, so that nothing in its place (`null`) is refused as in a [`PipelineConfig`].
fn value<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn value_or_off<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    or_off::deserialize(deserializer).map(Some)
}

fn duration_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Duration>>, D::Error> {
    or_off::duration::deserialize(deserializer).map(Some)
}
