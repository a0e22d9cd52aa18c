//! The properties are judged as they say, and what is judged can be seen again.

use std::path::Path;
use std::process::Command;

use seawall_sim::policy;
use seawall_sim::properties::{self, Case, Claim, Property, Row, Source, Target, Unit, Variant, cases};
use seawall_sim::scenario::{Scenario, ScenarioError};

#[test]
fn every_property_is_judged_in_some_case_and_every_case_can_be_played() {
    let all = [&Property::PROMISED[..], &[Property::HeldOut]].concat();
    for property in all {
        let cases = cases(&[property]);
        assert!(cases.iter().flat_map(|case| &case.claims).any(|claim| claim.target.judges()), "{property}");
        for case in cases {
            case.scenario(0).unwrap_or_else(|error| panic!("{property}, {}: {error}", case.name));
            for name in &case.policies {
                assert!(policy::by_name(name).is_some(), "{property}, {}: {name}", case.name);
            }
        }
    }
}

#[test]
fn no_two_cases_have_the_same_name() {
    let all = [&Property::PROMISED[..], &[Property::HeldOut]].concat();
    let mut names: Vec<_> = cases(&all).into_iter().map(|case| case.name).collect();
    let before = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), before);
}

#[test]
fn the_standard_scenario_is_that_of_the_promise() {
    let cut = cases(&[Property::ComesBack]).into_iter().find(|case| case.name == "capacity-cut, 50 clients");
    let scenario = cut.unwrap().scenario(0).unwrap();
    let tier = &scenario.tiers[0];
    let capacity = f64::from(tier.workers.get()) / tier.service_time.mean().as_secs_f64();
    assert!((capacity - 1000.0).abs() < 1e-9);
    assert!((scenario.clients.rate - 0.8 * capacity).abs() < 1e-9);
    assert!(!tier.drops_abandoned && tier.queue.bound.is_none());
    assert_eq!(
        (scenario.clients.attempt_timeout.as_millis(), scenario.clients.deadline.as_millis()),
        (500, 2000)
    );
    assert_eq!(scenario.triggers[0].lasts.as_secs(), 10);
}

#[test]
fn a_case_from_a_file_is_played_again_by_the_files_name_and_its_settings() {
    let case = cases(&[Property::HalfBroken]).into_iter().find(|case| case.name.starts_with("90 %")).unwrap();
    assert!(matches!(case.source, Source::File(_)));
    let replay = case.replay("seawall", 7);
    assert_eq!(
        replay,
        "cargo run --release -p seawall-sim -- run crates/seawall-sim/scenarios/half-broken.toml --set clients.count=5 \
         --set clients.rate=600.0 --set triggers.0.share=0.9 --policy seawall --seed 7"
    );
    let arguments = replay.split(" -- ").nth(1).unwrap().split(' ').chain(["--no-report"]);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(env!("CARGO_BIN_EXE_seawall-sim")).current_dir(root).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("triggers.0.share=0.9"), "{printed}");
}

/// What the command prints, and its exit code.
fn check(arguments: &[&str]) -> (String, Option<i32>) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_seawall-sim")).arg("check").args(arguments).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn the_exit_code_tells_whether_a_promise_is_broken() {
    let (printed, code) = check(&["P6", "--seed", "8", "--json"]);
    let rows: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3, "{printed}");
    assert!(rows.iter().all(|row| row["property"] == "P6" && row["seeds"] == 1));
    let broken = rows.iter().any(|row| row["broken"] != 0);
    assert_eq!(code, Some(i32::from(broken)), "{printed}");
}

#[test]
fn a_case_that_does_not_exist_is_an_error() {
    let (printed, code) = check(&["P1", "--case", "no such"]);
    assert_eq!((printed.as_str(), code), ("", Some(2)));
}

#[test]
fn a_claim_is_judged_by_its_worst_seed_and_that_seed_is_named() {
    let calls = |target| Claim {
        property: Property::HealthAlone,
        figure: "calls",
        unit: Unit::Ratio,
        target,
        measure: |plays| (plays.ours().run.calls.len() as f64).into(),
    };
    let variant = Variant::of("steady").set("duration", "11s").set("clients.rate", 20.0);
    let scenario = variant.scenario().unwrap();
    let case = Case {
        name: "few calls".to_owned(),
        source: Source::File(variant),
        policies: vec!["none"],
        claims: vec![calls(Target::AtMost(1.0)), calls(Target::AtLeast(1.0)), calls(Target::AnyHigh)],
    };
    let mut rows: Vec<Row> = Vec::new();
    let judged = |of_case| {
        rows.extend::<Vec<Row>>(of_case);
        Ok::<_, ScenarioError>(())
    };
    properties::check(&[case], 3..8, judged).unwrap();

    let none = policy::by_name("none").unwrap();
    let mut calls: Vec<_> =
        (3..8).map(|seed| (seawall_sim::world::run(&scenario, &*none, seed).calls.len(), seed)).collect();
    calls.sort_by_key(|(calls, seed)| (*calls, std::cmp::Reverse(*seed)));
    let (most, most_seed) = calls[4];
    assert_eq!((rows[0].worst_value as usize, rows[0].worst_seed, rows[0].broken), (most, most_seed, 5));
    assert!(!rows[0].holds() && rows[0].replay.ends_with(&format!("--policy none --seed {most_seed}")));
    assert_eq!((rows[1].worst_value as usize, rows[1].broken), (calls[0].0, 0));
    assert_eq!(rows[1].median_value as usize, calls[2].0);
    assert!(rows[1].holds() && rows[1].judged && rows[2].holds() && !rows[2].judged);
}

#[test]
fn a_history_is_printed_as_a_scenario_that_can_be_played() {
    let output = Command::new(env!("CARGO_BIN_EXE_seawall-sim")).args(["history", "8"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, properties::history(8));
    Scenario::parse(&printed, Path::new("history-8.toml")).unwrap();
}

#[test]
fn in_markdown_each_property_has_a_line_and_a_table() {
    let (printed, _) = check(&["P6", "--seed", "8", "--markdown"]);
    assert!(
        printed.starts_with("| property | | claims | broken |\n|---|---|---:|---:|\n| P6 | no wedge | 2 | "),
        "{printed}"
    );
    assert!(printed.contains("\n**P6: no wedge**\n\n| case | figure |"), "{printed}");
    assert_eq!(
        printed.lines().filter(|line| line.starts_with("| a random history |")).count(),
        3,
        "{printed}"
    );
}
