use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{InvalidConfig, friendly_duration, or_off};
use serde::{Deserialize, Serialize};

/// How a stream that broke connects again.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `first_wait` | 1 s | before the first attempt, if the server does not say |
/// | `factor` | 2 | how much longer each further attempt in a row waits |
/// | `max_wait` | 30 s | the longest of those waits |
/// | `jitter` | 1 | how far each wait is spread, as a fraction on top: 1 is up to twice as long |
/// | `min_asked` | 100 ms | the shortest wait that a server can ask for |
/// | `max_asked` | 5 min | the longest wait that a server can ask for |
/// | `max_attempts` | `"off"` | attempts in a row that may fail before the stream gives up |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconnectConfig {
    /// The wait before the first attempt, if the server does not say (`retry:` of an event stream).
    #[serde(with = "friendly_duration")]
    pub first_wait: Duration,
    /// How much longer each further attempt in a row waits. At least 1.
    pub factor: f64,
    /// The longest wait of our own.
    #[serde(with = "friendly_duration")]
    pub max_wait: Duration,
    /// How far each wait is spread, as a fraction of it on top, so that clients that lost a server together do not come
    /// back together. At least 0.
    pub jitter: f64,
    /// The shortest wait that a server can ask for.
    #[serde(with = "friendly_duration")]
    pub min_asked: Duration,
    /// The longest wait that a server can ask for, by `retry:` or `Retry-After`.
    #[serde(with = "friendly_duration")]
    pub max_asked: Duration,
    /// How many attempts in a row may fail before the stream ends with an error; `None` (`"off"`) never gives up.
    #[serde(with = "or_off")]
    pub max_attempts: Option<NonZeroU32>,
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            factor: 2.0,
            max_wait: Duration::from_secs(30),
            jitter: 1.0,
            min_asked: Duration::from_millis(100),
            max_asked: Duration::from_mins(5),
            max_attempts: None,
        }
    }
}

impl ReconnectConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    ///
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.first_wait.is_zero() {
            return Err(InvalidConfig::new("first_wait", "0s", "must be above zero"));
        }
        for (field, value, least) in [("factor", self.factor, 1.0), ("jitter", self.jitter, 0.0)] {
            if !(value.is_finite() && value >= least) {
                return Err(InvalidConfig::new(field, value, format!("must be at least {least}")));
            }
        }
        if self.max_wait < self.first_wait {
            let rule = "must be at least first_wait";
            return Err(InvalidConfig::new("max_wait", format!("{:?}", self.max_wait), rule));
        }
        if self.max_asked < self.min_asked {
            let rule = "must be at least min_asked";
            return Err(InvalidConfig::new("max_asked", format!("{:?}", self.max_asked), rule));
        }
        Ok(())
    }
}
