use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidConfig;

/// How calls are split between a stable and a canary stack, and when the canary is given up.
///
/// | field | default | |
/// |---|---|---|
/// | `weight` | `0.0` | the share of calls that the canary gets, from 0 to 1 |
/// | `failure_rate_margin` | `0.05` | given up when its failure rate is so much above the stable stack's; or `"off"` |
/// | `slow_call_rate_margin` | `0.5` | given up when its share of slow calls is so much above; or `"off"` |
/// | `slow_call_duration` | `10s` | a call is slow when it takes at least so long |
/// | `minimum_number_of_calls` | `20` | a rate over fewer calls of the canary decides nothing |
/// | `window` | `1m` | the stretch of calls that rates look at |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RolloutConfig {
    /// The share of calls that the canary gets, from 0 to 1; a canary that was given up gets none. Default 0.
    pub weight: f64,
    /// The canary is given up when its failure rate is at least so much above the stable stack's, and that is more than
    /// chance explains. Above 0 and at most 1; `None` (`"off"`) never. Default 0.05.
    #[serde(with = "crate::or_off")]
    pub failure_rate_margin: Option<f64>,
    /// The same for the share of slow calls. Default 0.5.
    #[serde(with = "crate::or_off")]
    pub slow_call_rate_margin: Option<f64>,
    /// A call is slow when it takes at least so long, also if its caller then drops it. Above zero. Default 10 s.
    #[serde(with = "crate::friendly_duration")]
    pub slow_call_duration: Duration,
    /// A rate over fewer calls of the canary decides nothing. Default 20.
    pub minimum_number_of_calls: NonZeroU32,
    /// The stretch of calls that rates look at. At least 10 ms. Default 1 min.
    #[serde(with = "crate::friendly_duration")]
    pub window: Duration,
}

impl Default for RolloutConfig {
    fn default() -> Self {
        Self {
            weight: 0.0,
            failure_rate_margin: Some(0.05),
            slow_call_rate_margin: Some(0.5),
            slow_call_duration: Duration::from_secs(10),
            minimum_number_of_calls: const { NonZeroU32::new(20).unwrap() },
            window: Duration::from_mins(1),
        }
    }
}

impl RolloutConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !(0.0..=1.0).contains(&self.weight) {
            return Err(InvalidConfig::new("weight", self.weight, "must be at least 0 and at most 1"));
        }
        for (field, margin) in [
            ("failure_rate_margin", self.failure_rate_margin),
            ("slow_call_rate_margin", self.slow_call_rate_margin),
        ] {
            if let Some(margin) = margin
                && !(margin > 0.0 && margin <= 1.0)
            {
                return Err(InvalidConfig::new(field, margin, "must be above 0 and at most 1"));
            }
        }
        if self.slow_call_duration.is_zero() {
            return Err(InvalidConfig::new("slow_call_duration", "0s", "must be above zero"));
        }
        if self.window < Duration::from_millis(10) {
            return Err(InvalidConfig::new("window", format!("{:?}", self.window), "must be at least 10ms"));
        }
        Ok(())
    }
}
