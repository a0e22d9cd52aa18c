//! P5: when there is too much, what matters most does not suffer.

use seawall_core::Priority;

use super::{Case, Claim, Plays, Property, Source, Target, Unit, Variant};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (mix, shares) in [("equal shares", [20; 5]), ("10/20/40/20/10", [10, 20, 40, 20, 10])] {
        for clients in [5, 50, 500] {
            let steady = Variant::of("overload").clients(clients).set_toml(&priorities(shares));
            // The same out of a quiet time, judged from its first moment on.
            let sudden = steady
                .clone()
                .set("clients.rate", 700.0)
                .set("measure_from", "15s")
                .set("duration", "35s")
                .set_toml(r#"triggers=[{ kind = "load_spike", at = "15s", lasts = "20s", factor = 2.857 }]"#);
            for (when, variant) in [("all the time", steady), ("suddenly", sudden)] {
                // What is under way when it begins is lost with the queue it waits in, whoever it belongs to.
                let told = Claim { target: Target::AnyHigh, ..critical() };
                let judged = if when == "suddenly" { told } else { critical() };
                cases.push(Case {
                    name: format!("twice the load {when}, {mix}, {clients} clients"),
                    source: Source::File(variant),
                    policies: vec!["seawall"],
                    claims: vec![judged, all()],
                });
            }
        }
    }
    cases
}

fn priorities([critical, high, normal, low, background]: [u32; 5]) -> String {
    format!(
        "clients.priorities={{ critical = {critical}, high = {high}, normal = {normal}, low = {low}, background = {background} }}"
    )
}

fn critical() -> Claim {
    Claim {
        property: Property::ImportantFirst,
        figure: "goodput of critical calls",
        unit: Unit::Share,
        target: Target::AtLeast(0.99),
        measure: |plays: &Plays| {
            plays.ours().summary.by_priority.get(&Priority::Critical).copied().unwrap_or(0.0).into()
        },
    }
}

/// Nobody is served by serving the important only: half of the calls is what the server bears.
fn all() -> Claim {
    Claim {
        figure: "goodput of all",
        target: Target::AnyHigh,
        measure: |plays: &Plays| plays.ours().summary.goodput.into(),
        ..critical()
    }
}
