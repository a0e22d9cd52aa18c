//! More scenarios than those that policies are tuned on, beside no retries and every modelled anchor.

use super::comes_back::recovers_within;
use super::half_broken::ANCHORS;
use super::{Case, Claim, Measured, Plays, Property, Source, Target, Unit, Variant};
use crate::measure::troubled_from;

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = scenarios().into_iter().map(|(name, variant)| case(name, variant)).collect();
    for (name, file) in [("on/off bursts", "bursts"), ("a trace with herds", "trace")] {
        let mut case = case(name, Variant::of(file));
        // They have no trigger to recover from: every herd is one.
        case.claims.remove(0);
        cases.push(case);
    }
    cases
}

fn case(name: &str, variant: Variant) -> Case {
    Case {
        name: name.to_owned(),
        source: Source::File(variant),
        policies: [&["seawall", "none"], &ANCHORS[..]].concat(),
        claims: vec![recovers_within(Property::HeldOut, 15.0), more_than_none(), more_than_the_best()],
    }
}

fn scenarios() -> Vec<(&'static str, Variant)> {
    let cut = || Variant::of("capacity-cut");
    let failing = |share| Variant::of("outage").set("duration", "60s").set("triggers.0.share", share);
    let slow_failures =
        |share| failing(share).set("triggers.0.takes_worker", true).set("triggers.0.after", "200ms");
    let refusing = |share| failing(share).set("triggers.0.overloaded", true);
    vec![
        ("capacity cut, abandoned work dropped", cut().set("tiers.0.drops_abandoned", true)),
        ("capacity cut, queue of 2000", cut().set("tiers.0.queue.bound", 2000)),
        ("capacity cut, queue of 100", cut().set("tiers.0.queue.bound", 100)),
        ("capacity cut, last in first out", cut().set("tiers.0.queue.kind", "lifo")),
        ("capacity cut at 60 % load", cut().set("clients.rate", 600.0)),
        ("capacity cut at 95 % load", cut().set("clients.rate", 950.0)),
        (
            "capacity cut to nothing much, 30 s",
            cut().set("triggers.0.to", 0.05).set("triggers.0.lasts", "30s").set("duration", "90s"),
        ),
        (
            "capacity cut, even service times",
            cut().set_toml(r#"tiers.0.service_time={ kind = "fixed", time = "20ms" }"#),
        ),
        (
            "capacity cut, heavy-tailed service times",
            cut().set_toml(r#"tiers.0.service_time={ kind = "heavy_tail", mean = "20ms", shape = 1.8 }"#),
        ),
        ("two tiers behind another, the last loses capacity", Variant::of("multi-tier")),
        ("brownout, three times as slow", Variant::of("brownout").set("triggers.0.slower", 3.0)),
        ("brownout, four times as slow", Variant::of("brownout")),
        ("black hole for half", Variant::of("black-hole")),
        (
            "black hole for all, 30 s",
            Variant::of("black-hole").set("triggers.0.lasts", "30s").set("triggers.0.share", 1.0),
        ),
        ("pauses", Variant::of("pauses")),
        ("flapping", Variant::of("flapping")),
        (
            "flapping, once a second",
            Variant::of("flapping").set("triggers.0.down", "500ms").set("triggers.0.up", "500ms"),
        ),
        ("cold start", Variant::of("cold-start")),
        ("cache flush", Variant::of("cache-flush")),
        ("one bad replica of ten", Variant::of("bad-replica")),
        ("slow failures, 20 %", slow_failures(0.2)),
        ("slow failures, 50 %", slow_failures(0.5)),
        ("503 for 20 %", refusing(0.2)),
        ("503 for 60 %", refusing(0.6)),
    ]
}

fn more_than_none() -> Claim {
    Claim {
        property: Property::HeldOut,
        figure: "calls lost, above those of no retries",
        unit: Unit::Share,
        // One of a thousand calls is chance.
        target: Target::AtMost(0.001),
        measure: |plays: &Plays| lost_beside(plays, &["none"]),
    }
}

fn more_than_the_best() -> Claim {
    Claim {
        figure: "calls lost, above those of the best",
        measure: |plays: &Plays| lost_beside(plays, &ANCHORS),
        ..more_than_none()
    }
}

/// The calls that we lose and they do not, as a share of all since the trouble began, beside whoever lost the fewest.
fn lost_beside(plays: &Plays, policies: &[&'static str]) -> Measured {
    let lost = |policy: &&'static str| (plays.of(policy).summary.lost, *policy);
    let (fewest, beside) = policies.iter().map(lost).min().expect("there is a policy to stand beside");
    let from = troubled_from(&plays.scenario);
    let calls = plays.ours().run.calls.iter().filter(|call| call.arrived >= from).count();
    let value = (plays.ours().summary.lost as f64 - fewest as f64) / calls as f64;
    Measured { value, beside: (policies.len() > 1).then_some(beside) }
}
