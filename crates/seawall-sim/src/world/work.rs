use std::time::Duration;

use fastrand::Rng;

use crate::scenario::ServiceTime;

impl ServiceTime {
    /// How long a worker takes for one attempt.
    pub(super) fn draw(&self, rng: &mut Rng) -> Duration {
        match *self {
            Self::Fixed { time } => time,
            Self::Exponential { mean } => exponential(mean, rng),
            Self::Bimodal { mean, slow_mean, slow_share } => {
                let slow = rng.f64() < slow_share;
                exponential(if slow { slow_mean } else { mean }, rng)
            }
            // The inverse of the Lomax distribution's function; its scale makes the mean right.
            Self::HeavyTail { mean, shape } => {
                mean.mul_f64((shape - 1.0) * ((1.0 - rng.f64()).powf(-1.0 / shape) - 1.0))
            }
        }
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

/// A time that passes as long, on average, whatever has passed of it.
pub(super) fn exponential(mean: Duration, rng: &mut Rng) -> Duration {
    mean.mul_f64(-(1.0 - rng.f64()).ln())
}
