use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidConfig;

/// When a call is sent a second time because the first has not answered yet.
///
/// | field | default | |
/// |---|---|---|
/// | `quantile` | `0.95` | the attempt slower than this share of the recent ones is hedged |
/// | `window` | `30s` | how far back "recent" goes |
/// | `minimum_samples` | `50` | so many response times must be known before anything is hedged |
/// | `minimum_delay` | `1ms` | no attempt is hedged sooner |
/// | `fixed_delay` | `off` | hedge after this time, whatever the response times are |
/// | `max_hedges` | `1` | attempts of a call beside the first |
/// | `budget_ratio` | `0.05` | hedges per call, in the long run |
/// | `budget_reserve` | `10.0` | hedges that may be saved up |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// The attempt slower than this share of the recent ones is hedged. At least 0.5 and below 1. Default 0.95.
    pub quantile: f64,
    /// How far back the response times go that count. At least 10 ms. Default 30 s.
    #[serde(with = "crate::friendly_duration")]
    pub window: Duration,
    /// How many response times must be known before anything is hedged. Default 50.
    pub minimum_samples: NonZeroU32,
    /// No attempt is hedged sooner: below it a timer is not worth its while. Default 1 ms.
    #[serde(with = "crate::friendly_duration")]
    pub minimum_delay: Duration,
    /// Hedges after this time, in place of the quantile. Above zero; `None` (`"off"`) follows the quantile, which is
    /// the default: a fixed delay does not move when the backend gets slower, and then every call wants a hedge.
    #[serde(with = "crate::or_off::duration")]
    pub fixed_delay: Option<Duration>,
    /// Attempts of a call beside the first, each a delay after the one before. At most 10. Default 1.
    pub max_hedges: NonZeroU32,
    /// Hedges per call, in the long run. At least 0 and at most 1. Default 0.05.
    pub budget_ratio: f64,
    /// Hedges that may be saved up, and that a new budget holds. At least 1 and at most 1000. Default 10.
    pub budget_reserve: f64,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self {
            quantile: 0.95,
            window: Duration::from_secs(30),
            minimum_samples: const { NonZeroU32::new(50).unwrap() },
            minimum_delay: Duration::from_millis(1),
            fixed_delay: None,
            max_hedges: NonZeroU32::MIN,
            budget_ratio: 0.05,
            budget_reserve: 10.0,
        }
    }
}

impl HedgeConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !(0.5..1.0).contains(&self.quantile) {
            return Err(InvalidConfig::new("quantile", self.quantile, "must be at least 0.5 and below 1"));
        }
        if self.window < Duration::from_millis(10) {
            return Err(InvalidConfig::new("window", format!("{:?}", self.window), "must be at least 10ms"));
        }
        if self.fixed_delay.is_some_and(|delay| delay.is_zero()) {
            return Err(InvalidConfig::new("fixed_delay", "0s", "must be above zero, or \"off\""));
        }
        if self.max_hedges.get() > 10 {
            return Err(InvalidConfig::new("max_hedges", self.max_hedges, "must be at most 10"));
        }
        if !(0.0..=1.0).contains(&self.budget_ratio) {
            return Err(InvalidConfig::new(
                "budget_ratio",
                self.budget_ratio,
                "must be at least 0 and at most 1",
            ));
        }
        if !(1.0..=1000.0).contains(&self.budget_reserve) {
            let rule = "must be at least 1 and at most 1000";
            return Err(InvalidConfig::new("budget_reserve", self.budget_reserve, rule));
        }
        Ok(())
    }
}
