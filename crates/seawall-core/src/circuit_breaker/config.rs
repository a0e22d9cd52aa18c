use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{InvalidConfig, Jitter};

/// When a [`CircuitBreaker`](super::CircuitBreaker) opens, for how long, and how it closes again.
///
/// | field | default | |
/// |---|---|---|
/// | `failure_rate_threshold` | `1.0` | opens when at least this share of calls failed; or `"off"` |
/// | `slow_call_rate_threshold` | `1.0` | opens when at least this share of calls was slow; or `"off"` |
/// | `slow_call_duration` | `60s` | a call is slow from here on |
/// | `minimum_number_of_calls` | `50` | a rate over fewer calls opens nothing |
/// | `consecutive_failures` | `off` | opens after so many failures in a row; or `"off"` |
/// | `count_window` | `off` | rates are taken over the last so many calls; or `"off"` |
/// | `time_window` | `20s` | and over the last so much time, in ten buckets; or `"off"` |
/// | `wait_duration_in_open` | `3s` | how long it stays open the first time |
/// | `wait_factor` | `1.0` | by how much longer each time it opens again |
/// | `max_wait_duration_in_open` | `60s` | the longest it stays open, whatever the backend asks for |
/// | `wait_jitter` | `equal` | how that time is spread |
/// | `permitted_calls_in_half_open` | `5` | how many probes decide |
/// | `half_open_success_threshold` | `0.2` | it closes when at least this share of the probes succeeds |
/// | `half_open_lease` | `15s` | a probe not heard of for so long makes room for another |
/// | `ramp` | `2s` | for so long after closing, calls are let in by degrees; zero lets all in at once |
///
/// By default it opens only when nothing gets through for 20 s. A backend that answers some of the calls is worth asking, for
/// those it answers; opening at half of them failing would make a half outage a whole one. What such a backend must be
/// spared is load, and that is the adaptive limit's and the retry budget's to see to. Where refusing early is right, because there is
/// something to fall back on, take [`eager`](Self::eager) or set a lower
/// `failure_rate_threshold`. (Measured in `docs/stability.md`; M. Brooker,
/// "Will circuit breakers solve my problems?", 2022.)
///
/// The count window takes the places that no call has filled yet for successes: a window of 100 at 50 % opens at the
/// 50th failure among the last 100 calls, never earlier. The time window looks only at calls made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitBreakerConfig {
    /// Opens when at least this share of calls failed. Above 0 and at most 1; `None` (`"off"`) never. Default 1.
    #[serde(with = "crate::or_off")]
    pub failure_rate_threshold: Option<f64>,
    /// Opens when at least this share of calls was slow. Above 0 and at most 1; `None` (`"off"`) never, and then no call
    /// is measured or remembered as slow. Default 1.
    #[serde(with = "crate::or_off")]
    pub slow_call_rate_threshold: Option<f64>,
    /// A call is slow when it takes at least so long. Above zero. Default 60 s.
    #[serde(with = "crate::friendly_duration")]
    pub slow_call_duration: Duration,
    /// A rate over fewer calls opens nothing. Default 50.
    pub minimum_number_of_calls: NonZeroU32,
    /// Opens after so many failures in a row. `None` (`"off"`) never. Default off.
    #[serde(with = "crate::or_off")]
    pub consecutive_failures: Option<NonZeroU32>,
    /// Rates are taken over the last so many calls, at most 1 000 000. `None` (`"off"`) not at all. Default off: a
    /// busy client makes a hundred calls in less time than a backend needs to draw breath.
    #[serde(with = "crate::or_off")]
    pub count_window: Option<NonZeroU32>,
    /// Rates are taken over the last so much time. At least 10 ms. `None` (`"off"`) not at all. Default 20 s.
    #[serde(with = "crate::or_off::duration")]
    pub time_window: Option<Duration>,
    /// How long the circuit stays open the first time. Above zero. Default 3 s.
    #[serde(with = "crate::friendly_duration")]
    pub wait_duration_in_open: Duration,
    /// By how much longer it stays open each time it opens again before it has proved itself. At least 1. Default 1: a
    /// handful of probes every few seconds burdens nobody, and calls flow again soon after the backend is back.
    pub wait_factor: f64,
    /// The longest it stays open, `Retry-After` included. At least `wait_duration_in_open`. Default 60 s.
    #[serde(with = "crate::friendly_duration")]
    pub max_wait_duration_in_open: Duration,
    /// How the open time is spread. A `Retry-After` is never cut short by it. Default [`Jitter::Equal`].
    pub wait_jitter: Jitter,
    /// How many probes a half-open circuit lets through, at most 1 000. Default 5.
    pub permitted_calls_in_half_open: NonZeroU32,
    /// It closes when at least this share of the probes succeeds. Above 0 and at most 1. Default 0.2: one of five.
    pub half_open_success_threshold: f64,
    /// A probe that has not ended after so long is forgotten and makes room for another. Above zero, and longer than an
    /// attempt may take: a probe that is cut only then would have no say. Default 15 s.
    #[serde(with = "crate::friendly_duration")]
    pub half_open_lease: Duration,
    /// For so long after closing, a share of the calls is let in that grows in a line to all of them. Default 2 s.
    #[serde(with = "crate::friendly_duration")]
    pub ramp: Duration,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate_threshold: Some(1.0),
            slow_call_rate_threshold: Some(1.0),
            slow_call_duration: Duration::from_mins(1),
            minimum_number_of_calls: const { NonZeroU32::new(50).unwrap() },
            consecutive_failures: None,
            count_window: None,
            time_window: Some(Duration::from_secs(20)),
            wait_duration_in_open: Duration::from_secs(3),
            wait_factor: 1.0,
            max_wait_duration_in_open: Duration::from_mins(1),
            wait_jitter: Jitter::Equal,
            permitted_calls_in_half_open: const { NonZeroU32::new(5).unwrap() },
            half_open_success_threshold: 0.2,
            half_open_lease: Duration::from_secs(15),
            ramp: Duration::from_secs(2),
        }
    }
}

impl CircuitBreakerConfig {
    /// Opens early, for callers that have something to fall back on: at half of 20 calls failing, or at five failures in
    /// a row; after 5 s, doubled each time up to 60 s, three good probes of five close it.
    pub fn eager() -> Self {
        Self {
            failure_rate_threshold: Some(0.5),
            minimum_number_of_calls: const { NonZeroU32::new(20).unwrap() },
            consecutive_failures: NonZeroU32::new(5),
            count_window: NonZeroU32::new(100),
            time_window: Some(Duration::from_secs(10)),
            wait_duration_in_open: Duration::from_secs(5),
            wait_factor: 2.0,
            half_open_success_threshold: 0.6,
            ramp: Duration::from_secs(5),
            ..Self::default()
        }
    }

    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, share) in [
            ("failure_rate_threshold", self.failure_rate_threshold),
            ("slow_call_rate_threshold", self.slow_call_rate_threshold),
            ("half_open_success_threshold", Some(self.half_open_success_threshold)),
        ] {
            require(share.is_none_or(|share| share > 0.0 && share <= 1.0), field, || {
                (share.unwrap_or_default().to_string(), "must be above 0 and at most 1")
            })?;
        }
        for (field, time) in [
            ("slow_call_duration", self.slow_call_duration),
            ("wait_duration_in_open", self.wait_duration_in_open),
            ("half_open_lease", self.half_open_lease),
        ] {
            require(!time.is_zero(), field, || (format!("{time:?}"), "must be above zero"))?;
        }
        require(self.wait_factor >= 1.0 && self.wait_factor.is_finite(), "wait_factor", || {
            (self.wait_factor.to_string(), "must be at least 1")
        })?;
        require(
            self.max_wait_duration_in_open >= self.wait_duration_in_open,
            "max_wait_duration_in_open",
            || (format!("{:?}", self.max_wait_duration_in_open), "must be at least wait_duration_in_open"),
        )?;
        let window = self.time_window.unwrap_or(Duration::MAX);
        require(window >= Duration::from_millis(10), "time_window", || {
            (format!("{window:?}"), "must be at least 10ms")
        })?;
        let calls = self.count_window.map_or(0, NonZeroU32::get);
        require(calls <= 1_000_000, "count_window", || (calls.to_string(), "must be at most 1000000"))?;
        let probes = self.permitted_calls_in_half_open.get();
        require(probes <= 1_000, "permitted_calls_in_half_open", || {
            (probes.to_string(), "must be at most 1000")
        })
    }
}

fn require(
    kept: bool,
    field: &'static str,
    broken: impl FnOnce() -> (String, &'static str),
) -> Result<(), InvalidConfig> {
    if kept {
        return Ok(());
    }
    let (value, rule) = broken();
    Err(InvalidConfig::new(field, value, rule))
}
