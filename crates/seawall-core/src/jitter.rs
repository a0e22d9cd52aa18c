use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How planned waits are spread, so that clients that failed together do not come back together.
///
/// The names and formulas are those of the AWS Architecture Blog, "Exponential Backoff And Jitter" (M. Brooker,
/// 2015). Full jitter loads a recovering backend least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Exactly the planned wait.
    None,
    /// Anywhere between nothing and the planned wait.
    #[default]
    Full,
    /// Half of the planned wait, and anywhere up to the other half.
    Equal,
    /// Anywhere between the first planned wait and three times the wait before, whatever was planned.
    Decorrelated,
}

/// The wait number `step` (from 0) of an exponential back-off: `base × factorˢᵗᵉᵖ`, never above `max`.
///
/// ```
/// use std::time::Duration;
/// use seawall_core::exponential;
///
/// let (base, max) = (Duration::from_millis(50), Duration::from_secs(5));
/// assert_eq!(exponential(base, 2.0, 3, max), Duration::from_millis(400));
/// assert_eq!(exponential(base, 2.0, 4_000_000_000, max), max);
/// ```
pub fn exponential(base: Duration, factor: f64, step: u32, max: Duration) -> Duration {
    let growth = factor.powf(f64::from(step));
    Duration::try_from_secs_f64(base.as_secs_f64() * growth).unwrap_or(Duration::MAX).min(max)
}

/// Applies a [`Jitter`] to the waits of one call, one after the other.
///
/// ```
/// use std::time::Duration;
/// use seawall_core::{Jitter, Spread};
///
/// let mut rng = fastrand::Rng::with_seed(7);
/// let mut spread = Spread::new(Jitter::Equal, Duration::from_secs(1));
/// let wait = spread.next(Duration::from_millis(100), &mut rng);
/// assert!((50..=100).contains(&wait.as_millis()));
/// ```
#[derive(Clone, Debug)]
pub struct Spread {
    jitter: Jitter,
    max: Duration,
    base: Option<Duration>,
    previous: Duration,
}

impl Spread {
    /// Spreads by `jitter`, and never beyond `max`.
    pub const fn new(jitter: Jitter, max: Duration) -> Self {
        Self { jitter, max, base: None, previous: Duration::ZERO }
    }

    /// The next wait, where `planned` is what the back-off says without jitter.
    pub fn next(&mut self, planned: Duration, rng: &mut fastrand::Rng) -> Duration {
        let base = *self.base.get_or_insert(planned);
        let wait = match self.jitter {
            Jitter::None => planned,
            Jitter::Full => planned.mul_f64(rng.f64()),
            Jitter::Equal => planned / 2 + (planned / 2).mul_f64(rng.f64()),
            Jitter::Decorrelated => {
                let highest = self.previous.max(base).saturating_mul(3);
                base.saturating_add(highest.saturating_sub(base).mul_f64(rng.f64()))
            }
        };
        self.previous = wait.min(self.max);
        self.previous
    }
}
