use std::time::Duration;

use fastrand::Rng;

use crate::scenario::{Scenario, ServiceTime};

impl ServiceTime {
    /// How long a worker takes for one attempt.
    pub fn draw(&self, rng: &mut Rng) -> Duration {
        let drawn = match *self {
            Self::Fixed { time } => return time,
            Self::Exponential { mean } => mean.as_secs_f64() * unit_exponential(rng),
            Self::Bimodal { mean, slow_mean, slow_share } => {
                let mean = if rng.f64() < slow_share { slow_mean } else { mean };
                mean.as_secs_f64() * unit_exponential(rng)
            }
            // The inverse of the Lomax distribution's function; its scale makes the mean right.
            Self::HeavyTail { mean, shape } => {
                mean.as_secs_f64() * (shape - 1.0) * (unit_exponential(rng) / shape).exp_m1()
            }
        };
        // A tail has no end, but a simulation has one.
        Duration::from_secs_f64(drawn.min(Scenario::LONGEST.as_secs_f64()))
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Fixed { time } => time,
            Self::Exponential { mean } | Self::HeavyTail { mean, .. } => mean,
            Self::Bimodal { mean, slow_mean, slow_share } => {
                mean.mul_f64(1.0 - slow_share) + slow_mean.mul_f64(slow_share)
            }
        }
    }
}

/// Exponentially distributed with mean 1: what is left of it has the same distribution, whatever has passed.
pub(super) fn unit_exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.f64()).ln()
}
