use std::num::NonZeroU32;
use std::time::Duration;

use backon::ExponentialBuilder;
use seawall_core::{InvalidConfig, Jitter};
use serde::{Deserialize, Serialize};

/// How often and after what waits a [`Retry`](super::Retry) repeats a call.
///
/// | field | default | |
/// |---|---|---|
/// | `max_attempts` | `4` | attempts of a call, the first included; 1 never retries |
/// | `base_delay` | `50ms` | the wait before the first retry, before jitter |
/// | `factor` | `2.0` | by how much each wait is longer than the one before |
/// | `max_delay` | `5s` | the longest such wait |
/// | `jitter` | `full` | how waits are spread |
/// | `max_retry_after` | `30s` | the longest that a backend's `Retry-After` is obeyed |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts of a call, the first included. Default 4.
    pub max_attempts: NonZeroU32,
    /// The wait before the first retry, before jitter. Default 50 ms.
    #[serde(with = "seawall_core::friendly_duration")]
    pub base_delay: Duration,
    /// By how much each wait is longer than the one before. At least 1 and at most 1000. Default 2.
    pub factor: f64,
    /// The longest wait that is not asked for by the backend. At least `base_delay`. Default 5 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub max_delay: Duration,
    /// How waits are spread; one that the backend asks for is not. Default [`Jitter::Full`].
    pub jitter: Jitter,
    /// The longest that a backend's `Retry-After` is obeyed; a longer one is cut to it. Default 30 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub max_retry_after: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: const { NonZeroU32::new(4).unwrap() },
            base_delay: Duration::from_millis(50),
            factor: 2.0,
            max_delay: Duration::from_secs(5),
            jitter: Jitter::Full,
            max_retry_after: Duration::from_secs(30),
        }
    }
}

impl RetryConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !(1.0..=1000.0).contains(&self.factor) {
            return Err(InvalidConfig::new("factor", self.factor, "must be at least 1 and at most 1000"));
        }
        if self.max_delay < self.base_delay {
            let value = format!("{:?}", self.max_delay);
            return Err(InvalidConfig::new("max_delay", value, "must be at least base_delay"));
        }
        Ok(())
    }

    /// The waits as a backon sequence without jitter and without end.
    pub fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(self.base_delay)
            .with_factor(self.factor as f32)
            .with_max_delay(self.max_delay)
            .without_max_times()
    }

    /// The longest waits of a call between its attempts, together, to the millisecond; no longer than `limit`.
    pub(crate) fn longest_waits(&self, limit: Duration) -> Duration {
        let (base, longest) = (self.base_delay.as_secs_f64(), self.max_delay.as_secs_f64());
        let waits = f64::from(self.max_attempts.get() - 1);
        let sum = if self.factor > 1.0 && base > 0.0 {
            // They grow until they are the longest: a geometric series, which may be too long to be counted through.
            let growing = (longest / base).log(self.factor).ceil().min(waits);
            base * (self.factor.powf(growing) - 1.0) / (self.factor - 1.0) + (waits - growing) * longest
        } else {
            base * waits
        };
        let sum = Duration::try_from_secs_f64((sum * 1e3).round() / 1e3).unwrap_or(Duration::MAX);
        sum.min(limit)
    }
}
