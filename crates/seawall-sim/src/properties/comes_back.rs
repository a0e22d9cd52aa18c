//! P1: soon after the trigger is gone, so is the trouble. P2 in the same scenarios: until then, no storm.

use super::{Case, Claim, Play, Plays, Property, Source, Target, Unit, Variant, no_storm};

pub(super) fn cases() -> Vec<Case> {
    let triggers = ["capacity-cut", "load-spike"];
    let of = |file| [(5, 5.0), (50, 5.0), (500, 15.0)].map(|(clients, seconds)| case(file, clients, seconds));
    triggers.into_iter().flat_map(of).collect()
}

fn case(file: &'static str, clients: u32, seconds: f64) -> Case {
    Case {
        name: format!("{file}, {clients} clients"),
        source: Source::File(Variant::of(file).clients(clients)),
        policies: vec!["seawall"],
        claims: vec![recovers_within(Property::ComesBack, seconds), no_storm::plainly()],
    }
}

/// After the end of the last trigger.
pub(super) fn recovers_within(property: Property, seconds: f64) -> Claim {
    Claim {
        property,
        figure: "time to recovery",
        unit: Unit::Seconds,
        target: Target::AtMost(seconds),
        measure: |plays: &Plays| recovery(plays.ours()).into(),
    }
}

fn recovery(play: &Play) -> f64 {
    play.summary.recovery.map_or(f64::INFINITY, |time| time.as_secs_f64())
}
