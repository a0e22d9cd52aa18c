use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{InvalidConfig, Jitter};

/// When an endpoint is taken out of a balance.
///
/// | field | default | |
/// |---|---|---|
/// | `consecutive_failures` | `5` | ejects after so many failures in a row (time-outs and overload: with no success in the window); or `"off"` |
/// | `failure_rate_threshold` | `0.5` | ejects when so many of its calls in the window failed; or `"off"` |
/// | `minimum_number_of_calls` | `20` | a rate over fewer calls ejects nothing |
/// | `window` | `10s` | the stretch of calls that the rate looks at |
/// | `ejection_duration` | `30s` | for how long, the first time; the n-th time n times as long |
/// | `max_ejection_duration` | `5m` | the longest |
/// | `ejection_jitter` | `equal` | how the time is spread, so that endpoints do not come back together |
/// | `max_ejected` | `0.5` | the largest share of endpoints that may be ejected; one always may, unless it is 0 |
/// | `panic_threshold` | `0.5` | when a smaller share is healthy, all endpoints are used; or `"off"` |
///
/// What these come to when endpoints fail:
///
/// | endpoints | one fails | most fail | all fail |
/// |---|---|---|---|
/// | 1 | it is used | | it is used |
/// | 2 | 1 ejected, 1 used | | 1 ejected, 1 used |
/// | 3 | 1 ejected, 2 used | 2 fail: 1 ejected, 2 used | 1 ejected, 2 used |
/// | 5 | 1 ejected, 4 used | 3 fail: 2 ejected, 3 used | 2 ejected, 3 used |
/// | 10 | 1 ejected, 9 used | 6 fail: 5 ejected, 5 used | 5 ejected, 5 used |
///
/// `max_ejected` and `panic_threshold` say the same by default: half of the endpoints can bear the load, fewer cannot.
/// What the detector ejects by itself therefore never ends in a panic; it is for endpoints that operators eject and for
/// sets that shrink. That serves callers best. When 6 of 10 fail, 1 of the 5 that are used fails, and a choice by latency
/// hardly ever meets it; a cap of 0.7 would eject all 6, panic, and send calls to all 10 again. When all fail, nothing
/// helps, and one after the other comes back within `ejection_duration`. For a detector that panics by itself, as
/// Envoy's does when its health checks find too few, set `max_ejected` above 1 − `panic_threshold`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutlierConfig {
    /// Ejects after so many failures in a row. Time-outs and overload count here only while the window holds no success:
    /// see [`OutlierDetector`](super::OutlierDetector). `None` (`"off"`) never. Default 5.
    #[serde(with = "crate::or_off")]
    pub consecutive_failures: Option<NonZeroU32>,
    /// Ejects when at least this share of an endpoint's calls in the window failed. Above 0 and at most 1; `None`
    /// (`"off"`) never. Default 0.5.
    #[serde(with = "crate::or_off")]
    pub failure_rate_threshold: Option<f64>,
    /// A rate over fewer calls ejects nothing. Default 20.
    pub minimum_number_of_calls: NonZeroU32,
    /// The stretch of calls that the rate looks at. At least 10 ms. Default 10 s.
    #[serde(with = "crate::friendly_duration")]
    pub window: Duration,
    /// For how long an endpoint is ejected the first time; the n-th time in a row n times as long. Above zero.
    /// Default 30 s.
    #[serde(with = "crate::friendly_duration")]
    pub ejection_duration: Duration,
    /// The longest an endpoint is ejected. At least `ejection_duration`. Default 5 min.
    #[serde(with = "crate::friendly_duration")]
    pub max_ejection_duration: Duration,
    /// How the time is spread. Default [`Jitter::Equal`].
    pub ejection_jitter: Jitter,
    /// The largest share of endpoints that may be ejected at once, from 0 to 1. One always may be, unless this is 0,
    /// which turns ejection off. Default 0.5.
    pub max_ejected: f64,
    /// When less than this share of the endpoints is healthy, the trouble is not theirs, and all of them are used.
    /// Above 0 and at most 1; `None` (`"off"`) never. Default 0.5.
    #[serde(with = "crate::or_off")]
    pub panic_threshold: Option<f64>,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: NonZeroU32::new(5),
            failure_rate_threshold: Some(0.5),
            minimum_number_of_calls: const { NonZeroU32::new(20).unwrap() },
            window: Duration::from_secs(10),
            ejection_duration: Duration::from_secs(30),
            max_ejection_duration: Duration::from_mins(5),
            ejection_jitter: Jitter::Equal,
            max_ejected: 0.5,
            panic_threshold: Some(0.5),
        }
    }
}

impl OutlierConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, share) in [
            ("failure_rate_threshold", self.failure_rate_threshold),
            ("panic_threshold", self.panic_threshold),
        ] {
            if let Some(share) = share
                && !(share > 0.0 && share <= 1.0)
            {
                return Err(InvalidConfig::new(field, share, "must be above 0 and at most 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.max_ejected) {
            return Err(InvalidConfig::new(
                "max_ejected",
                self.max_ejected,
                "must be at least 0 and at most 1",
            ));
        }
        let time = |field, time: Duration, rule| Err(InvalidConfig::new(field, format!("{time:?}"), rule));
        if self.window < Duration::from_millis(10) {
            return time("window", self.window, "must be at least 10ms");
        }
        if self.ejection_duration.is_zero() {
            return time("ejection_duration", self.ejection_duration, "must be above zero");
        }
        if self.max_ejection_duration < self.ejection_duration {
            let rule = "must be at least ejection_duration";
            return time("max_ejection_duration", self.max_ejection_duration, rule);
        }
        Ok(())
    }
}
