use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Gcra;
use crate::InvalidConfig;

/// The longest time in which a burst may be earned back: beyond it, a limiter is a ban.
const LONGEST_REFILL: Duration = Duration::from_hours(365 * 24);

/// How many calls may start, and how long others wait for their turn.
///
/// | field | default | |
/// |---|---|---|
/// | `limit` | `100` | so many permits come in each `period`, evenly spread |
/// | `period` | `1s` | |
/// | `burst` | `10` | so many are saved up while nobody calls |
/// | `max_wait` | `1s` | how long a call may wait for its turn; or `"off"`: it is refused at once |
/// | `max_waiting` | `1024` | how many calls may wait at a time |
/// | `max_retry_after` | `30s` | the longest that a backend's `Retry-After` is obeyed |
///
/// In any stretch of time `t`, at most `burst + limit × t / period` permits are given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitConfig {
    /// So many permits come in each period, evenly spread over it: 100 a second are one every 10 ms. The time between
    /// two is rounded up to whole nanoseconds, so the rate is never exceeded. Default 100.
    pub limit: NonZeroU32,
    /// The time in which `limit` permits come. Above zero. Default 1 s.
    #[serde(with = "crate::friendly_duration")]
    pub period: Duration,
    /// So many permits are saved up while nobody calls; also the most that one call may weigh. 1 spaces all calls evenly,
    /// and then a call that starts late, if only by a timer's millisecond, makes all after it later too: with a few
    /// more the rate is kept. At the limit it must be earned back within a year. Default 10.
    pub burst: NonZeroU32,
    /// How long a call may wait for its turn. One that would wait longer is refused at once. `None` (`"off"`): none
    /// waits. Default 1 s.
    #[serde(with = "crate::or_off::duration")]
    pub max_wait: Option<Duration>,
    /// How many calls may wait at a time; one more is refused. At most 1 000 000. Default 1024.
    pub max_waiting: usize,
    /// The longest that a backend's `Retry-After` is obeyed. Default 30 s.
    #[serde(with = "crate::friendly_duration")]
    pub max_retry_after: Duration,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            limit: const { NonZeroU32::new(100).unwrap() },
            period: Duration::from_secs(1),
            burst: const { NonZeroU32::new(10).unwrap() },
            max_wait: Some(Duration::from_secs(1)),
            max_waiting: 1024,
            max_retry_after: Duration::from_secs(30),
        }
    }
}

impl RateLimitConfig {
    /// The permits that come each second.
    pub fn per_second(&self) -> f64 {
        f64::from(self.limit.get()) / self.period.as_secs_f64()
    }

    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.period.is_zero() {
            return Err(InvalidConfig::new("period", "0s", "must be above zero"));
        }
        if self.max_waiting > 1_000_000 {
            return Err(InvalidConfig::new("max_waiting", self.max_waiting, "must be at most 1000000"));
        }
        let refill = Gcra::new(self).capacity();
        if u128::from(refill) > LONGEST_REFILL.as_nanos() {
            let rule = "must be earned back within a year at the limit";
            return Err(InvalidConfig::new("burst", self.burst, rule));
        }
        Ok(())
    }
}
