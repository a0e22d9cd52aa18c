use std::time::Duration;

use crate::scenario::LoadPoint;

/// A rate that is a line for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Calls a second, now.
    pub(super) rate: f64,
    /// By how much that grows in a second.
    pub(super) growth: f64,
    /// Until when.
    pub(super) end: Duration,
}

impl Piece {
    pub(super) const fn constant(rate: f64, end: Duration) -> Self {
        Self { rate, growth: 0.0, end }
    }

    pub(super) fn times(self, factor: f64) -> Self {
        Self { rate: self.rate * factor, growth: self.growth * factor, ..self }
    }

    /// How many calls are expected in that time from now.
    pub(super) fn expected_within(self, span: Duration) -> f64 {
        let span = span.as_secs_f64();
        // At the end of a line that falls to 0, rounding may leave less than that.
        (span * (self.rate + self.growth * span / 2.0)).max(0.0)
    }

    /// In what time that many calls are expected.
    ///
    /// The root of `growth / 2 * t² + rate * t = calls`, in the form that stays exact where the growth is small or none.
    pub(super) fn time_of(self, calls: f64) -> Duration {
        let root = (self.rate * self.rate + 2.0 * self.growth * calls).max(0.0).sqrt();
        let seconds = 2.0 * calls / (self.rate + root);
        Duration::try_from_secs_f64(seconds).unwrap_or(if seconds > 0.0 {
            Duration::MAX
        } else {
            Duration::ZERO
        })
    }
}

/// What a ramp's rate is from a time to its next point.
pub(super) fn ramp(points: &[LoadPoint], now: Duration) -> Piece {
    let next = points.partition_point(|point| point.at <= now);
    match (next.checked_sub(1).map(|last| points[last]), points.get(next)) {
        (None, None) => Piece::constant(0.0, Duration::MAX),
        (None, Some(first)) => Piece::constant(first.rate, first.at),
        (Some(last), None) => Piece::constant(last.rate, Duration::MAX),
        (Some(last), Some(next)) => {
            let growth = (next.rate - last.rate) / next.at.saturating_sub(last.at).as_secs_f64();
            let rate = last.rate + growth * now.saturating_sub(last.at).as_secs_f64();
            Piece { rate: rate.max(0.0), growth, end: next.at }
        }
    }
}
