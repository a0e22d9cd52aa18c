use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidConfig;

/// How a [`Limit`](super::Limit) follows what the backend can bear.
///
/// Every one but `Fixed` cuts on timeouts and overload, grows back the same way, and is blind to other failures. They
/// differ in what else they look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitAlgorithm {
    /// Not at all: the limit is `max`.
    Fixed,
    /// Nothing else: additive increase, multiplicative decrease (D. Chiu and R. Jain, 1989). The choice for clients,
    /// whose latency is noisy and whose calls time out.
    #[default]
    Aimd,
    /// The number of calls that wait at the backend, told from how much longer calls take than they once did
    /// (TCP Vegas, L. Brakmo and L. Peterson, 1995). For one client, or few, of a backend that answers evenly.
    Vegas,
    /// By what factor calls take longer than they once did (Netflix's gradient, 2018, with Envoy's headroom).
    /// For backends whose latency varies more.
    Gradient,
}

/// How many calls may be under way at a time, and how that number moves.
///
/// | field | default | |
/// |---|---|---|
/// | `algorithm` | `aimd` | what it follows: `fixed`, `aimd`, `vegas`, `gradient` |
/// | `initial` | `50.0` | where it begins: 1000 calls a second of 50 ms each |
/// | `min` | `0.1` | how low it goes; below 1, calls are spaced out |
/// | `max` | `500` | how high it goes; `fixed` is always there |
/// | `backoff_ratio` | `0.5` | what a cut leaves when every call met overload; fewer cut less |
/// | `recovery_time` | `8s` | how long after the last cut the whole of `max` is within reach |
/// | `max_pause` | `2s` | the longest pause between two calls below 1 |
/// | `vegas_alpha` | `3.0` | `vegas` grows while fewer calls than this wait at the backend |
/// | `vegas_beta` | `6.0` | and shrinks when more than this do |
/// | `gradient_tolerance` | `1.5` | `gradient` bears calls that take so many times as long as they once did |
/// | `smoothing` | `0.2` | how far `gradient` goes at a time towards what it thinks right |
/// | `latency_window` | `100` | how many calls `vegas` and `gradient` look at before they judge, or a round if that is more |
///
/// The defaults leave a healthy service alone: it begins where most clients never get, doubles with every round trip
/// while it is the limit that holds calls back, and ends at 500, so that a client which forgets its calls does not
/// exhaust its sockets. A tenth of a call is low enough for some hundred clients to share a backend that bears 50 calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// What the limit follows. Default [`LimitAlgorithm::Aimd`].
    pub algorithm: LimitAlgorithm,
    /// Where it begins, within `min` and `max`. Above 0. Default 50.
    pub initial: f64,
    /// How low it goes. At least 0.001 and at most `max`. Default 0.1.
    pub min: f64,
    /// How high it goes, and where `Fixed` always is. Default 500.
    pub max: NonZeroU32,
    /// What a cut leaves of the limit when every call since the last cut met overload. When fewer did, it cuts in
    /// proportion, though never less than a tenth as deep. Above 0 and below 1. Default 0.5.
    pub backoff_ratio: f64,
    /// How long after the last cut the whole of `max` is within reach, given demand: the limit then doubles with each
    /// round of calls. The middle of this time it rests near where it failed. At least 100 ms. Default 8 s.
    #[serde(with = "crate::friendly_duration")]
    pub recovery_time: Duration,
    /// The longest pause between two calls when the limit is below 1, also of those that the backend asks for
    /// (`Retry-After`). Above zero. Default 2 s.
    #[serde(with = "crate::friendly_duration")]
    pub max_pause: Duration,
    /// `Vegas` grows while fewer calls than this, times the decimal logarithm of a limit above 10, wait at the
    /// backend. Above 0. Default 3.
    pub vegas_alpha: f64,
    /// `Vegas` shrinks when more calls than this, times the same, wait at the backend. At least `vegas_alpha`.
    /// Default 6.
    pub vegas_beta: f64,
    /// `Gradient` bears calls that take so many times as long as they once did. At least 1. Default 1.5.
    pub gradient_tolerance: f64,
    /// How far `Gradient` goes at a time towards what it thinks right. Above 0 and at most 1. Default 0.2.
    pub smoothing: f64,
    /// How many calls `Vegas` and `Gradient` look at before they judge, or as many as the limit if that is more.
    /// Default 100.
    pub latency_window: NonZeroU32,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            algorithm: LimitAlgorithm::Aimd,
            initial: 50.0,
            min: 0.1,
            max: const { NonZeroU32::new(500).unwrap() },
            backoff_ratio: 0.5,
            recovery_time: Duration::from_secs(8),
            max_pause: Duration::from_secs(2),
            vegas_alpha: 3.0,
            vegas_beta: 6.0,
            gradient_tolerance: 1.5,
            smoothing: 0.2,
            latency_window: const { NonZeroU32::new(100).unwrap() },
        }
    }
}

impl LimitConfig {
    /// The defaults with a limit of `max` that never moves.
    pub fn fixed(max: NonZeroU32) -> Self {
        Self { algorithm: LimitAlgorithm::Fixed, max, ..Self::default() }
    }

    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let max = f64::from(self.max.get());
        for (field, value, kept, rule) in [
            ("initial", self.initial, self.initial > 0.0 && self.initial.is_finite(), "must be above 0"),
            ("min", self.min, (0.001..=max).contains(&self.min), "must be at least 0.001 and at most max"),
            (
                "backoff_ratio",
                self.backoff_ratio,
                self.backoff_ratio > 0.0 && self.backoff_ratio < 1.0,
                "must be above 0 and below 1",
            ),
            (
                "vegas_alpha",
                self.vegas_alpha,
                self.vegas_alpha > 0.0 && self.vegas_alpha.is_finite(),
                "must be above 0",
            ),
            (
                "vegas_beta",
                self.vegas_beta,
                self.vegas_beta >= self.vegas_alpha && self.vegas_beta.is_finite(),
                "must be at least vegas_alpha",
            ),
            (
                "gradient_tolerance",
                self.gradient_tolerance,
                self.gradient_tolerance >= 1.0 && self.gradient_tolerance.is_finite(),
                "must be at least 1",
            ),
            (
                "smoothing",
                self.smoothing,
                self.smoothing > 0.0 && self.smoothing <= 1.0,
                "must be above 0 and at most 1",
            ),
        ] {
            if !kept {
                return Err(InvalidConfig::new(field, value, rule));
            }
        }
        for (field, time, least, rule) in [
            ("recovery_time", self.recovery_time, Duration::from_millis(100), "must be at least 100ms"),
            ("max_pause", self.max_pause, Duration::from_nanos(1), "must be above zero"),
        ] {
            if time < least {
                return Err(InvalidConfig::new(field, format!("{time:?}"), rule));
            }
        }
        Ok(())
    }
}
