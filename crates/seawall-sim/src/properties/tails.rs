//! P8: hedging shortens the tail for little, and never topples what it calls.

use std::time::Duration;

use super::{Case, Claim, Plays, Property, Source, Target, Unit, Variant};

/// What ten replicas of four workers bear, at 5 ms for most and 75 ms for one of a hundred.
const CAPACITY: f64 = 40.0 / 0.0057;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for utilisation in [30, 50, 70, 90, 95] {
        // The promised gain is at 80 %. Elsewhere the hedged tail is the shorter one: that is what no collapse means.
        cases.push(case(utilisation, 7, Loser::Dropped, vec![tail(1.0), extra(), answered()]));
    }
    cases.push(case(80, 22, Loser::Dropped, vec![tail(0.25), extra(), answered()]));
    // Where a sixth of all calls is refused, chance decides which: even two equal policies differ so much.
    for (utilisation, least) in [(100, 0.99), (120, 0.98)] {
        cases.push(case(utilisation, 7, Loser::Dropped, vec![answered_beside(least), extra()]));
    }
    // To cancel the loser is half of what makes hedging cheap. Where servers do not let go of it, this is what is left.
    for utilisation in [80, 100] {
        let claims = [tail(1.0), extra(), answered_beside(0.99)];
        let told = |claim: Claim| {
            let more_is_worse = matches!(claim.target, Target::AtMost(_));
            Claim { target: if more_is_worse { Target::AnyLow } else { Target::AnyHigh }, ..claim }
        };
        cases.push(case(utilisation, 7, Loser::ServedAllTheSame, claims.map(told).into()));
    }
    cases
}

/// What servers do with an attempt whose caller has its answer from another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loser {
    Dropped,
    ServedAllTheSame,
}

fn case(utilisation: u32, seconds: u32, loser: Loser, claims: Vec<Claim>) -> Case {
    let rate = (CAPACITY * f64::from(utilisation) / 100.0).round();
    let variant = Variant::of("stragglers")
        .set("clients.rate", rate)
        .set("duration", format!("{seconds}s"))
        .set("tiers.0.drops_abandoned", loser == Loser::Dropped);
    let servers = if loser == Loser::Dropped { "" } else { ", servers that drop nothing" };
    Case {
        name: format!("stragglers, {utilisation} % utilisation{servers}"),
        source: Source::File(variant),
        policies: vec!["hedged", "balanced"],
        claims,
    }
}

fn tail(most: f64) -> Claim {
    Claim {
        property: Property::Tails,
        figure: "p99.9 by that without hedging",
        unit: Unit::Ratio,
        target: Target::AtMost(most),
        measure: |plays: &Plays| {
            // Who is never answered has no tail, and waits for ever.
            let [hedged, without] = ["hedged", "balanced"].map(|policy| plays.of(policy).summary.p999);
            let seconds = |time: Option<Duration>| time.map_or(f64::INFINITY, |time| time.as_secs_f64());
            (seconds(hedged) / seconds(without)).into()
        },
    }
}

fn extra() -> Claim {
    Claim {
        figure: "extra load",
        unit: Unit::Share,
        target: Target::AtMost(0.05),
        measure: |plays: &Plays| {
            let [hedged, without] =
                ["hedged", "balanced"].map(|policy| plays.of(policy).summary.amplification);
            (hedged / without - 1.0).into()
        },
        ..tail(1.0)
    }
}

fn answered() -> Claim {
    Claim {
        figure: "goodput",
        unit: Unit::Share,
        target: Target::AtLeast(0.999),
        measure: |plays: &Plays| plays.ours().summary.goodput.into(),
        ..tail(1.0)
    }
}

/// Where there is more load than anybody could serve.
fn answered_beside(least: f64) -> Claim {
    Claim {
        figure: "goodput by that without hedging",
        unit: Unit::Share,
        target: Target::AtLeast(least),
        measure: |plays: &Plays| (plays.ours().summary.goodput / plays.of("balanced").summary.goodput).into(),
        ..tail(1.0)
    }
}
