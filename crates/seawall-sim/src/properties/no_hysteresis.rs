//! P7: a load that was borne on the way up is borne on the way down.

use std::time::Duration;

use super::{Case, Claim, Play, Plays, Property, Source, Target, Unit, Variant};
use crate::scenario::{Arrivals, LoadPoint};

pub(super) fn cases() -> Vec<Case> {
    vec![Case {
        name: "ramp, 500 to 1500 and back".to_owned(),
        source: Source::File(Variant::of("ramp")),
        policies: vec!["seawall"],
        claims: vec![width(), collapses()],
    }]
}

fn width() -> Claim {
    Claim {
        property: Property::NoHysteresis,
        figure: "load at collapse less that at recovery",
        unit: Unit::Share,
        target: Target::AtMost(0.05),
        measure: |plays: &Plays| match turns(plays) {
            Some((up, down)) => ((up - down).abs() / up).into(),
            // Never collapsed, never had to recover.
            None => 0.0.into(),
        },
    }
}

fn collapses() -> Claim {
    Claim {
        figure: "load at collapse by capacity",
        target: Target::AnyHigh,
        measure: |plays: &Plays| turns(plays).map_or(f64::NAN, |(up, _)| up / capacity(plays)).into(),
        ..width()
    }
}

/// The load at which goodput fell below 95 %, going up, and the load at which it was back for good, coming down;
/// which is none at all if it never was.
fn turns(plays: &Plays) -> Option<(f64, f64)> {
    let Arrivals::Ramp { points } = &plays.scenario.clients.arrivals else { return None };
    let (first, last) = collapsed(plays.ours())?;
    let back = last + WINDOW / 2 < plays.scenario.duration;
    Some((rate(points, first), if back { rate(points, last) } else { 0.0 }))
}

const WINDOW: Duration = Duration::from_secs(10);

/// The middles of the first and of the last ten seconds with a goodput below 95 %.
fn collapsed(play: &Play) -> Option<(Duration, Duration)> {
    let length = usize::try_from(WINDOW.as_secs()).ok()?;
    let low = play.seconds.windows(length).enumerate().filter(|(_, window)| {
        let (offered, good) = window
            .iter()
            .fold((0, 0), |(offered, good), second| (offered + second.offered, good + second.good));
        (good as f64) < 0.95 * offered as f64
    });
    let middles: Vec<_> = low.map(|(at, _)| Duration::from_secs(at as u64) + WINDOW / 2).collect();
    Some((*middles.first()?, *middles.last()?))
}

/// On the lines between the points.
fn rate(points: &[LoadPoint], at: Duration) -> f64 {
    let next = points.partition_point(|point| point.at <= at);
    match (next.checked_sub(1).map(|before| points[before]), points.get(next)) {
        (Some(before), Some(after)) => {
            let part = at.saturating_sub(before.at).div_duration_f64(after.at.saturating_sub(before.at));
            before.rate + (after.rate - before.rate) * part
        }
        (Some(last), None) => last.rate,
        (None, first) => first.map_or(0.0, |first| first.rate),
    }
}

fn capacity(plays: &Plays) -> f64 {
    let tier = &plays.scenario.tiers[0];
    f64::from(tier.workers.get() * tier.replicas.get()) / tier.service_time.mean().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_goes_in_lines_and_stands_still_outside_of_them() {
        let point = |at, rate| LoadPoint { at: Duration::from_secs(at), rate };
        let points = [point(10, 500.0), point(20, 1500.0), point(40, 500.0)];
        let rate = |at| super::rate(&points, Duration::from_secs(at));
        for (at, expected) in [(0, 500.0), (10, 500.0), (15, 1000.0), (20, 1500.0), (30, 1000.0), (50, 500.0)]
        {
            assert!((rate(at) - expected).abs() < 1e-9, "{} at {at} s", rate(at));
        }
    }
}
