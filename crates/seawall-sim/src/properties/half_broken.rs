//! P4: what still works of a backend is made use of, as far as retrying serves.

use super::{Case, Claim, Measured, Play, Plays, Property, Source, Target, Unit, Variant, no_storm};

/// The models of what other libraries do by default.
pub(super) const ANCHORS: [&str; 10] =
    ["polly", "resilience4j", "finagle", "envoy", "grpc", "aws", "aws-2.1", "sre", "gradient2", "tower"];

/// A limit that does not retry, and is given retries without end to be compared at all: what it answers is what `naive`
/// does. Where nine tenths fail that is told, not asked for: P2 and ADR 0006 are against it.
const BORROWER: &str = "gradient2";

/// By how much two stacks that answer alike differ here: three standard deviations of the ratio of two samples of some ten
/// thousand calls, of which a fifth are answered.
const CHANCE: f64 = 0.03;

/// Calls a second, and clients.
type Load = (f64, u32);
const LOADS: [Load; 4] = [(600.0, 5), (600.0, 50), (800.0, 5), (800.0, 50)];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for Failures { arise, variant, at_nine_tenths } in failures() {
        for (rate, clients) in LOADS {
            let variant = variant.clone().clients(clients).set("clients.rate", rate);
            let name = |share| format!("{share} % fail {arise}, {} % load, {clients} clients", rate / 10.0);
            cases.push(a_fifth(name(20), variant.clone()));
            if at_nine_tenths.contains(&(rate, clients)) {
                cases.push(nine_tenths(name(90), variant));
            }
        }
    }
    cases
}

struct Failures {
    arise: &'static str,
    variant: Variant,
    /// Where nine tenths fail, eleven policies play: at half of the loads.
    at_nine_tenths: Vec<Load>,
}

fn failures() -> [Failures; 3] {
    let before = Variant::of("half-broken");
    let worker = before.clone().set("triggers.0.takes_worker", true);
    let late = worker.clone().set("triggers.0.after", "20ms");
    let [light_few, light_many, heavy_few, heavy_many] = LOADS;
    [
        Failures { arise: "before the queue", variant: before, at_nine_tenths: vec![light_few, heavy_many] },
        // A failure that takes a worker for no time is seen like one before the queue.
        Failures { arise: "at a worker", variant: worker, at_nine_tenths: Vec::new() },
        Failures {
            arise: "at a worker after 20 ms",
            variant: late,
            at_nine_tenths: vec![light_many, heavy_few],
        },
    ]
}

fn a_fifth(name: String, variant: Variant) -> Case {
    let claim = Claim {
        property: Property::HalfBroken,
        figure: "goodput by that of unlimited retries",
        unit: Unit::Share,
        target: Target::AtLeast(0.99),
        measure: |plays: &Plays| (goodput(plays, plays.ours()) / goodput(plays, plays.of("naive"))).into(),
    };
    Case { name, source: Source::File(variant), policies: vec!["seawall", "naive"], claims: vec![claim] }
}

fn nine_tenths(name: String, variant: Variant) -> Case {
    let beside = Claim {
        property: Property::HalfBroken,
        figure: "goodput by that of the best anchor that retries",
        unit: Unit::Ratio,
        target: Target::AtLeast(1.0 - CHANCE),
        measure: beside_the_best,
    };
    let beside_unlimited = Claim {
        figure: "beside unlimited retries (gradient2)",
        target: Target::AnyHigh,
        measure: |plays: &Plays| (goodput(plays, plays.ours()) / goodput(plays, plays.of(BORROWER))).into(),
        ..beside
    };
    let beside_thrifty = Claim {
        figure: "beside anchors without a storm",
        target: Target::AnyHigh,
        measure: beside_the_best_without_a_storm,
        ..beside
    };
    let plain = Claim {
        figure: "goodput",
        unit: Unit::Share,
        target: Target::AnyHigh,
        measure: |plays: &Plays| goodput(plays, plays.ours()).into(),
        ..beside
    };
    Case {
        name,
        source: Source::File(variant.set("triggers.0.share", 0.9)),
        policies: [&["seawall"], &ANCHORS[..]].concat(),
        claims: vec![beside, beside_unlimited, beside_thrifty, plain],
    }
}

fn beside_the_best(plays: &Plays) -> Measured {
    beside(plays, |play| play.policy != BORROWER)
}

/// Only beside those that keep P2 here, which limits what retrying can gain.
fn beside_the_best_without_a_storm(plays: &Plays) -> Measured {
    beside(plays, |play| play.summary.peak_amplification <= no_storm::promised())
}

fn beside(plays: &Plays, counts: fn(&Play) -> bool) -> Measured {
    let anchors = plays.others().iter().filter(|play| counts(play));
    let best = anchors.max_by(|a, b| goodput(plays, a).total_cmp(&goodput(plays, b)));
    let ours = goodput(plays, plays.ours());
    best.map_or(Measured::from(f64::INFINITY), |best| Measured {
        value: ours / goodput(plays, best),
        beside: Some(best.policy),
    })
}

/// While the trigger lasts.
fn goodput(plays: &Plays, play: &Play) -> f64 {
    let trigger = &plays.scenario.triggers[0];
    play.goodput(trigger.at, trigger.at + trigger.lasts)
}
