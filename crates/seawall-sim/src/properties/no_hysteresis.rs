//! P7: a load that was borne on the way up is borne on the way down.

use super::{Case, Claim, Plays, Property, Source, Target, Unit, Variant};
use crate::measure::Goodput;

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
        measure: |plays: &Plays| match turns(&plays.ours().seconds) {
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
        measure: |plays: &Plays| {
            turns(&plays.ours().seconds).map_or(f64::NAN, |(up, _)| up / capacity(plays)).into()
        },
        ..width()
    }
}

const WINDOW: usize = 10;

/// The load at which goodput fell below 95 % of ten seconds, going up, and the load at which it did so last, coming
/// down; which is none at all if it never was back.
fn turns(seconds: &[Goodput]) -> Option<(f64, f64)> {
    let low = |window: &[Goodput]| {
        let (offered, lost) = window.iter().fold((0, 0), |(offered, lost), second| {
            (offered + second.offered, lost + second.offered - second.good)
        });
        lost as f64 > 0.05 * offered as f64
    };
    let first = seconds.windows(WINDOW).position(low)?;
    let last = seconds.windows(WINDOW).rposition(low)?;
    let back = last + WINDOW < seconds.len();
    Some((load(seconds, first), if back { load(seconds, last) } else { 0.0 }))
}

/// The calls that came, a second, in the ten seconds about the moment of a window's losses.
///
/// It is where the window's lost calls are on average, not its middle: goodput falls off a cliff, which the first window
/// has at its end, and comes back by and by. And what came is counted, not what the ramp is at: of so few seconds that
/// differs by chance as much as the two loads do.
fn load(seconds: &[Goodput], from: usize) -> f64 {
    let window = seconds.iter().enumerate().skip(from).take(WINDOW);
    let (lost, sum) = window.fold((0.0, 0.0), |(lost, sum), (at, second)| {
        let of_this = (second.offered - second.good) as f64;
        (lost + of_this, sum + of_this * (at as f64 + 0.5))
    });
    let start = ((sum / lost).round() as usize).saturating_sub(WINDOW / 2);
    let around = &seconds[start.min(seconds.len() - WINDOW)..][..WINDOW];
    around.iter().map(|second| second.offered).sum::<u64>() as f64 / WINDOW as f64
}

fn capacity(plays: &Plays) -> f64 {
    let tier = &plays.scenario.tiers[0];
    f64::from(tier.workers.get() * tier.replicas.get()) / tier.service_time.mean().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Up from 500 by 5 each second for 200 s, and down again. Of so many a second, so many are answered.
    fn ramp(good: impl Fn(usize, u64) -> u64) -> Vec<Goodput> {
        let offered = |at: usize| 1500 - 5 * (at as u64).abs_diff(200);
        (0..=400).map(|at| Goodput { offered: offered(at), good: good(at, offered(at)) }).collect()
    }

    #[test]
    fn a_server_that_answers_what_it_bears_has_no_hysteresis() {
        let (up, down) = turns(&ramp(|_, offered| offered.min(1000))).unwrap();
        assert!((1050.0..1070.0).contains(&up) && (up - down).abs() < 3.0, "{up} {down}");
    }

    #[test]
    fn a_collapse_is_where_it_happens_whatever_was_well_before() {
        // At 1050 and more it is down, until there are no more than 800.
        let seconds = ramp(|at, offered| if (110..340).contains(&at) { offered / 2 } else { offered });
        let (up, down) = turns(&seconds).unwrap();
        assert!((up - 1050.0).abs() < 10.0 && (down - 800.0).abs() < 10.0, "{up} {down}");
    }

    #[test]
    fn what_never_falls_has_no_turns_and_what_never_comes_back_recovers_at_no_load() {
        assert_eq!(turns(&ramp(|_, offered| offered)), None);
        let (_, down) = turns(&ramp(|at, offered| if at < 110 { offered } else { 0 })).unwrap();
        assert!(down == 0.0, "{down}");
    }
}
