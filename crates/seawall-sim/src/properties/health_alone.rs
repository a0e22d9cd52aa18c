//! P3: while nothing is wrong, nobody notices the policies.

use super::{Case, Claim, Plays, Property, Source, Target, Unit, Variant};

pub(super) fn cases() -> Vec<Case> {
    let case = |clients| Case {
        name: format!("steady, {clients} clients"),
        source: Source::File(Variant::of("steady").clients(clients)),
        policies: vec!["seawall", "none"],
        claims: vec![refused(), goodput()],
    };
    [5, 50, 500].map(case).into()
}

fn refused() -> Claim {
    Claim {
        property: Property::HealthAlone,
        figure: "refused",
        unit: Unit::Share,
        target: Target::AtMost(0.001),
        measure: |plays: &Plays| plays.ours().summary.refused.into(),
    }
}

fn goodput() -> Claim {
    Claim {
        property: Property::HealthAlone,
        figure: "goodput by that of no policy",
        unit: Unit::Share,
        target: Target::AtLeast(0.999),
        measure: |plays: &Plays| (plays.ours().summary.goodput / plays.of("none").summary.goodput).into(),
    }
}
