use std::time::{Duration, Instant};

use super::LimitConfig;

/// How much the limit grows below 1 with each call that is answered in good time.
const BELOW_ONE: f64 = 0.25;

/// How the limit grows, call by call.
///
/// Each round of calls that is answered in good time adds one (additive increase). As long as the limit is below a
/// curve of the time since the last cut, each round doubles it instead (slow start). The curve is that of CUBIC
/// (S. Ha, I. Rhee and L. Xu, 2008): it rises fast to the limit that failed last, waits there, and then rises ever
/// faster, so that how long a recovery takes does not depend on how many calls a client makes.
#[derive(Debug)]
pub(super) struct Growth {
    curve: Option<Curve>,
}

#[derive(Debug)]
struct Curve {
    cut_at: Instant,
    failed_at: f64,
    /// Seconds after the cut at which the curve is back at `failed_at`.
    back_after: f64,
    steepness: f64,
}

impl Growth {
    /// Nothing has failed yet: slow start all the way.
    pub(super) const fn new() -> Self {
        Self { curve: None }
    }

    /// After a cut from `failed_at` to `left`.
    pub(super) fn after_cut(failed_at: f64, left: f64, config: &LimitConfig, now: Instant) -> Self {
        let steepness = steepness(config);
        let back_after = ((failed_at - left).max(0.0) / steepness).cbrt();
        Self { curve: Some(Curve { cut_at: now, failed_at, back_after, steepness }) }
    }

    /// Follows another configuration: the curve is as steep as that says.
    pub(super) fn reconfigure(&mut self, config: &LimitConfig) {
        if let Some(curve) = &mut self.curve {
            let steepness = steepness(config);
            curve.back_after *= (curve.steepness / steepness).cbrt();
            curve.steepness = steepness;
        }
    }

    /// The limit after one more call that was made at the limit and answered in good time.
    pub(super) fn grown(&self, limit: f64, now: Instant) -> f64 {
        let step = if limit < 1.0 {
            limit * BELOW_ONE
        } else if self.curve.as_ref().is_none_or(|curve| limit < curve.height(now)) {
            1.0
        } else {
            1.0 / limit
        };
        limit + step
    }
}

impl Curve {
    fn height(&self, now: Instant) -> f64 {
        let since: Duration = now.saturating_duration_since(self.cut_at);
        self.failed_at + self.steepness * cube(since.as_secs_f64() - self.back_after)
    }
}

/// So that `max` is reached in `recovery_time` by the slowest way: a cut from half of it to nothing, the curve's
/// plateau there, and up to the whole. Both parts take the cube root of half of `max` over the steepness.
fn steepness(config: &LimitConfig) -> f64 {
    4.0 * f64::from(config.max.get()) / cube(config.recovery_time.as_secs_f64())
}

fn cube(x: f64) -> f64 {
    x * x * x
}
