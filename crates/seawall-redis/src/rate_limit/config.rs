use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

/// What a [`SharedRateLimiter`](super::SharedRateLimiter) allows.
///
/// | field | default | |
/// |---|---|---|
/// | `limit` | 100 | units for each key in a period |
/// | `period` | 1s | the period |
/// | `burst` | 100 | units that a key which was quiet may take at once |
/// | `on_outage` | `"open"` | what is decided while the server decides nothing: `"open"` or `"closed"` |
/// | `timeout` | 250ms | how long the server has to decide |
/// | `max_denied` | 10000 | keys that are remembered as refused |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedRateLimitConfig {
    /// Units for each key in a period. Default 100.
    pub limit: NonZeroU32,
    /// The period. Above zero. Default 1 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub period: Duration,
    /// Units that a key which was quiet may take at once. Default 100.
    pub burst: NonZeroU32,
    /// What is decided while the server decides nothing. Default [`OnOutage::Open`].
    pub on_outage: OnOutage,
    /// How long the server has to decide. Above zero. Default 250 ms.
    #[serde(with = "seawall_core::friendly_duration")]
    pub timeout: Duration,
    /// Keys that are remembered as refused, so that the server is not asked about them. Default 10 000.
    pub max_denied: NonZeroUsize,
}

/// What is decided while the server decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOutage {
    /// Everything is allowed: for a limit that protects from too much of a good thing.
    #[default]
    Open,
    /// Nothing is allowed: for a limit that protects from guessing passwords.
    Closed,
}

impl Default for SharedRateLimitConfig {
    fn default() -> Self {
        const HUNDRED: NonZeroU32 = NonZeroU32::new(100).unwrap();
        Self {
            limit: HUNDRED,
            period: Duration::from_secs(1),
            burst: HUNDRED,
            on_outage: OnOutage::default(),
            timeout: Duration::from_millis(250),
            max_denied: const { NonZeroUsize::new(10_000).unwrap() },
        }
    }
}

impl SharedRateLimitConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, time) in [("period", self.period), ("timeout", self.timeout)] {
            if time.is_zero() {
                return Err(InvalidConfig::new(field, "0s", "must be above zero"));
            }
        }
        // The script counts in microseconds, in numbers that are whole up to 2^53.
        let whole = self.period.as_secs_f64() * f64::from(self.burst.get()) / f64::from(self.limit.get());
        if whole > 1e9 {
            let rule = "must be full again within 30 years, by `limit` and `period`";
            return Err(InvalidConfig::new("burst", self.burst, rule));
        }
        Ok(())
    }
}
