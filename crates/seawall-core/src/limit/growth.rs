use std::time::Instant;

use super::LimitConfig;

/// Answers that take this part of what times out, or less, are quick: nothing waits.
const QUICK: f64 = 0.125;
/// How much the limit grows with one answer when it is below 1 and below the curve.
const QUARTER: f64 = 0.25;
/// What an answer adds above the curve while nothing has timed out, so that there is no measure of what is slow. Below 1,
/// where answers are rare, it adds the more.
const PROBE: f64 = 0.02;
/// What an answer adds that takes no time at all, and a round of them takes away if they take twice the target.
const GAIN: f64 = 0.2;
/// Where the curve rests, as a share of the limit that failed. At the edge, calls take almost as long as a timeout.
const REST: f64 = 0.75;
/// How many times as long slow answers make the recovery.
const STRETCH: f64 = 16.0;

/// How the limit moves between cuts, answer by answer.
///
/// Before anything has failed, each round of calls that is answered doubles it (slow start). From then on it follows
/// a curve of the time since the last cut, of the shape of CUBIC's (S. Ha, I. Rhee and L. Xu, 2008): it rises fast to
/// near where the limit failed, rests there for the middle of [`LimitConfig::recovery_time`], and then rises ever
/// faster, to `max` at its end. Below the curve each round doubles the limit; so how long a recovery takes does not
/// depend on how many calls a client makes. Above the rest the curve rises by factors, not by sums: many clients with
/// small limits then grow no faster together than one with a large limit.
///
/// Where calls have timed out, that is the measure of all answers. Quick ones show that nothing waits: each round of
/// them doubles the limit, whatever the curve. Others steer it towards the time that they take to a target, well below
/// the timeout: so clients that want more than there is keep a short queue at the backend, and none of their calls
/// time out. The target is the higher, the lower the limit is: a client with little grows while one with much
/// shrinks, and all come to the same (after Swift's flow scaling: G. Kumar and others, "Swift: Delay is simple and
/// effective for congestion control in the datacenter", 2020). If answers stay slow because the backend has become
/// slower for good, the late part of the curve takes over, sixteen times as late.
#[derive(Debug)]
pub(super) struct Growth {
    curve: Option<Curve>,
}

#[derive(Debug)]
struct Curve {
    cut_at: Instant,
    left: f64,
    rest: f64,
}

impl Growth {
    /// Nothing has failed yet: slow start all the way.
    pub(super) const fn new() -> Self {
        Self { curve: None }
    }

    /// After a cut from `failed_at` to `left`.
    pub(super) fn after_cut(failed_at: f64, left: f64, now: Instant) -> Self {
        Self { curve: Some(Curve { cut_at: now, left, rest: left.max(failed_at * REST) }) }
    }

    /// The limit after one more call that was made at the limit and answered in that `part` of the time that times out.
    pub(super) fn after_answer(
        &self,
        limit: f64,
        part: Option<f64>,
        config: &LimitConfig,
        now: Instant,
    ) -> f64 {
        let unit = limit.min(1.0);
        let Some(curve) = &self.curve else { return limit + unit };
        if part.is_some_and(|part| part <= QUICK) {
            return limit + unit;
        }
        // How far below the target they are, as a share of it.
        let ease = part.map(|part| (1.0 - part / target(limit)).max(-1.0));
        let (time, max) = (config.recovery_time.as_secs_f64(), f64::from(config.max.get()));
        let height = if ease.is_some_and(|ease| ease < 0.0) {
            curve.late_height(time * STRETCH, max, now)
        } else {
            curve.height(time, max, now)
        };
        if limit < height {
            return limit + if limit < 1.0 { unit * QUARTER } else { unit };
        }
        match ease {
            None => limit + PROBE / unit,
            Some(ease) if ease > 0.0 => limit + GAIN * ease,
            Some(ease) => limit + unit * GAIN * ease,
        }
    }
}

/// The part of the time that times out that answers are to take at such a limit: 0.45 of it at 1, a tenth less for each
/// tenfold above and three tenths more for each tenth below, where every call counts.
fn target(limit: f64) -> f64 {
    let slope = if limit < 1.0 { 0.3 } else { 0.1 };
    (0.45 - slope * limit.log10()).clamp(0.25, 0.75)
}

impl Curve {
    /// How high it is now, if it is to reach `max` in so many seconds after the cut.
    fn height(&self, time: f64, max: f64, now: Instant) -> f64 {
        let x = self.progress(time, now);
        if x < 0.0 {
            self.rest + (self.rest - self.left) * x.powi(3)
        } else {
            self.late_height(time, max, now)
        }
    }

    /// The same, but nothing before it rests.
    fn late_height(&self, time: f64, max: f64, now: Instant) -> f64 {
        let x = self.progress(time, now);
        if x < 0.0 { 0.0 } else { self.rest * (max / self.rest).powf(x.min(1.0).powi(3)) }
    }

    /// From -1 at the cut to 1 at the end of the recovery.
    fn progress(&self, time: f64, now: Instant) -> f64 {
        now.saturating_duration_since(self.cut_at).as_secs_f64() / time * 2.0 - 1.0
    }
}
