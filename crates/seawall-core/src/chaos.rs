use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{FailureKind, InvalidConfig};

/// Which faults are injected on purpose, into which share of the calls.
///
/// | field | default | |
/// |---|---|---|
/// | `enabled` | `false` | whether anything is injected at all |
/// | `latency_rate` | `0.0` | the share of calls whose answer is held back |
/// | `min_latency` | `100ms` | for at least so long |
/// | `max_latency` | `1s` | and at most so long |
/// | `error_rate` | `0.0` | the share of calls that fail and are never made |
/// | `error_kind` | `transient` | how they fail |
/// | `retry_after` | `"off"` | how long an injected error asks to be left alone |
/// | `hang_rate` | `0.0` | the share of calls that are never made and never end |
/// | `loss_rate` | `0.0` | the share of calls that are made and whose answer is lost |
///
/// A call errs, hangs, or loses its answer, at most one of them, so these three rates together are at most 1. Latency
/// comes on top of any but a hang.
///
/// Chance is an argument: the same seed injects the same faults into the same sequence of calls.
///
/// ```
/// use seawall_core::ChaosConfig;
///
/// let config = ChaosConfig { enabled: true, hang_rate: 0.25, ..ChaosConfig::default() };
/// let mut rng = fastrand::Rng::with_seed(7);
/// let hung = (0..1000).filter(|_| config.draw(&mut rng).fault.is_some()).count();
/// assert!((200..300).contains(&hung));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChaosConfig {
    /// Whether anything is injected at all. Default no.
    pub enabled: bool,
    /// The share of calls whose answer is held back, from 0 to 1. Default 0.
    pub latency_rate: f64,
    /// For at least so long it is held back. Default 100 ms.
    #[serde(with = "crate::friendly_duration")]
    pub min_latency: Duration,
    /// And at most so long; at least `min_latency`. Default 1 s.
    #[serde(with = "crate::friendly_duration")]
    pub max_latency: Duration,
    /// The share of calls that fail and are never made, from 0 to 1. Default 0.
    pub error_rate: f64,
    /// How they fail. Default [`InjectedError::Transient`].
    pub error_kind: InjectedError,
    /// How long an injected error asks to be left alone; `None` (`"off"`) when it does not say. Default `None`.
    #[serde(with = "crate::or_off::duration")]
    pub retry_after: Option<Duration>,
    /// The share of calls that are never made and never end, from 0 to 1. Default 0.
    pub hang_rate: f64,
    /// The share of calls that are made and whose answer is lost, from 0 to 1. They fail as
    /// [`FailureKind::Transient`] and may have been executed. Default 0.
    pub loss_rate: f64,
}

/// How an injected error fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InjectedError {
    /// As [`FailureKind::Transient`].
    #[default]
    Transient,
    /// As [`FailureKind::Timeout`], at once.
    Timeout,
    /// As [`FailureKind::Overloaded`], with the `retry_after` of the configuration.
    Overloaded,
    /// As [`FailureKind::Permanent`].
    Permanent,
}

/// What is injected into one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injection {
    /// For how long its answer is held back.
    pub latency: Option<Duration>,
    /// What goes wrong with it.
    pub fault: Option<Fault>,
}

/// What goes wrong with a call on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails so and is never made.
    Error(FailureKind),
    /// It is never made and never ends.
    Hang,
    /// It is made and its answer is lost.
    Loss,
}

impl Fault {
    /// The lower-case name, as telemetry spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error(_) => "error",
            Self::Hang => "hang",
            Self::Loss => "loss",
        }
    }
}

impl Default for ChaosConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            latency_rate: 0.0,
            min_latency: Duration::from_millis(100),
            max_latency: Duration::from_secs(1),
            error_rate: 0.0,
            error_kind: InjectedError::Transient,
            retry_after: None,
            hang_rate: 0.0,
            loss_rate: 0.0,
        }
    }
}

impl ChaosConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, rate) in [
            ("latency_rate", self.latency_rate),
            ("error_rate", self.error_rate),
            ("hang_rate", self.hang_rate),
            ("loss_rate", self.loss_rate),
        ] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(InvalidConfig::new(field, rate, "must be at least 0 and at most 1"));
            }
        }
        let together = self.error_rate + self.hang_rate + self.loss_rate;
        // Three rates such as 0.7, 0.2 and 0.1 add up to a little more than 1.
        if together > 1.0 + 1e-9 {
            let rule = "must, with error_rate and hang_rate, add up to at most 1";
            return Err(InvalidConfig::new("loss_rate", self.loss_rate, rule));
        }
        if self.max_latency < self.min_latency {
            let value = format!("{:?}", self.max_latency);
            return Err(InvalidConfig::new("max_latency", value, "must be at least min_latency"));
        }
        Ok(())
    }

    /// Whether any call may be touched.
    pub fn is_active(&self) -> bool {
        let rates = [self.latency_rate, self.error_rate, self.hang_rate, self.loss_rate];
        self.enabled && rates.iter().any(|rate| *rate > 0.0)
    }

    /// What to inject into the next call.
    pub fn draw(&self, rng: &mut fastrand::Rng) -> Injection {
        // The same number of draws for each call, whatever the rates: changing one leaves the others' calls as they are.
        let [slow, how_slow, wrong] = [rng.f64(), rng.f64(), rng.f64()];
        if !self.enabled {
            return Injection::default();
        }
        let fault = if wrong < self.error_rate {
            Some(Fault::Error(self.error()))
        } else if wrong < self.error_rate + self.hang_rate {
            Some(Fault::Hang)
        } else if wrong < self.error_rate + self.hang_rate + self.loss_rate {
            Some(Fault::Loss)
        } else {
            None
        };
        let spread = self.max_latency.saturating_sub(self.min_latency);
        let latency = self.min_latency + spread.mul_f64(how_slow);
        let delayed = slow < self.latency_rate && fault != Some(Fault::Hang);
        Injection { latency: delayed.then_some(latency), fault }
    }

    fn error(&self) -> FailureKind {
        match self.error_kind {
            InjectedError::Transient => FailureKind::Transient,
            InjectedError::Timeout => FailureKind::Timeout,
            InjectedError::Overloaded => FailureKind::Overloaded { retry_after: self.retry_after },
            InjectedError::Permanent => FailureKind::Permanent,
        }
    }
}
