use std::time::{Duration, Instant};

use super::LimitConfig;

/// How much the limit grows with one answer when it is below 1, and with a round of quick answers above.
const QUARTER: f64 = 0.25;
/// What a round adds above the curve, as a share of a small limit; a large one grows by one.
const ABOVE: f64 = 0.03;
/// Where the curve rests, as a share of the limit that failed. At the edge, calls take almost as long as a timeout.
const REST: f64 = 0.75;
/// Answers that take this part of what timed out, or less, are quick: nothing waits.
const QUICK: u32 = 8;
/// Answers that take more than this part of it are slow: more calls may soon be too many.
const SLOW: u32 = 2;
/// How many times as long slow answers make the recovery.
const STRETCH: f64 = 4.0;

/// How the limit grows, answer by answer.
///
/// Each round of calls that is answered adds one, or three percent if that is less (additive increase). As long as the
/// limit is below a curve of the time since the last cut, each round doubles it instead (slow start). The curve has the
/// shape of CUBIC's (S. Ha, I. Rhee and L. Xu, 2008): it rises fast to near where the limit failed, rests there for
/// the middle of [`LimitConfig::recovery_time`], and then rises ever faster, to `max` at its end. So how long a
/// recovery takes does not depend on how many calls a client makes. Above the rest it rises by factors, not by sums:
/// many clients with small limits then grow no faster together than one with a large limit.
///
/// Where a timeout was the cause, it is also the measure of the answers that follow. Quick ones show that nothing waits,
/// and a round of them adds a quarter at least. Slow ones show that the edge is near, and the curve takes four times as
/// long.
#[derive(Debug)]
pub(super) struct Growth {
    curve: Option<Curve>,
}

#[derive(Debug)]
struct Curve {
    cut_at: Instant,
    left: f64,
    rest: f64,
    timeout: Option<Duration>,
}

impl Growth {
    /// Nothing has failed yet: slow start all the way.
    pub(super) const fn new() -> Self {
        Self { curve: None }
    }

    /// After a cut from `failed_at` to `left`, because a call had no answer in `timeout`, if that was why.
    pub(super) fn after_cut(failed_at: f64, left: f64, timeout: Option<Duration>, now: Instant) -> Self {
        Self { curve: Some(Curve { cut_at: now, left, rest: left.max(failed_at * REST), timeout }) }
    }

    /// The limit after one more call that was made at the limit and answered.
    pub(super) fn grown(
        &self,
        limit: f64,
        took: Option<Duration>,
        config: &LimitConfig,
        now: Instant,
    ) -> f64 {
        let quarter = limit.min(1.0) * QUARTER;
        let Some(curve) = &self.curve else { return limit + if limit < 1.0 { quarter } else { 1.0 } };
        // What was ready at once was quick.
        let took = took.unwrap_or_default();
        let slow = curve.timeout.is_some_and(|timeout| took > timeout / SLOW);
        let quick = curve.timeout.is_some_and(|timeout| took <= timeout / QUICK);
        let time = config.recovery_time.as_secs_f64() * if slow { STRETCH } else { 1.0 };
        let step = if limit < curve.height(time, f64::from(config.max.get()), now) {
            if limit < 1.0 { quarter } else { 1.0 }
        } else if quick {
            quarter
        } else {
            limit.min(1.0) * ABOVE.min(1.0 / limit)
        };
        limit + step
    }
}

impl Curve {
    /// How high it is now, if it is to reach `max` in so many seconds after the cut.
    fn height(&self, time: f64, max: f64, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.cut_at).as_secs_f64();
        // From -1 at the cut to 1 at the end of the recovery.
        let x = since / time * 2.0 - 1.0;
        let cube = x * x * x;
        if x >= 1.0 {
            max
        } else if x < 0.0 {
            self.rest + (self.rest - self.left) * cube
        } else {
            self.rest * (max / self.rest).powf(cube)
        }
    }
}
