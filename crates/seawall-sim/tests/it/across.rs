//! Many seeds: the median, the worst, and whose it was.

use std::time::Duration;

use proptest::prelude::*;
use seawall_core::Priority;
use seawall_sim::measure::{Across, Figure, Summary, summarize};

use crate::made_up::{run, scenario};

fn summary(goodput: f64, recovery: Option<u64>) -> Summary {
    let recovery = recovery.map(Duration::from_secs);
    Summary { goodput, recovery, ..summarize(&scenario(""), &run(1, |_| 0)) }
}

#[test]
fn the_worst_is_the_lowest_goodput_and_the_longest_recovery() {
    let runs = [(7, summary(0.9, Some(0))), (8, summary(0.7, Some(4))), (9, summary(0.8, Some(9)))];
    let across = Across::new(&runs).unwrap();
    assert_eq!(across.goodput, Figure { median: 0.8, median_seed: 9, worst: 0.7, worst_seed: 8 });
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(
        across.recovery,
        Figure { median: seconds(4), median_seed: 8, worst: seconds(9), worst_seed: 9 }
    );
    assert_eq!(across.seeds, 3);
}

#[test]
fn never_to_recover_is_worse_than_anything_and_of_two_medians_the_worse_counts() {
    let runs = [(0, summary(1.0, None)), (1, summary(1.0, Some(1_000_000)))];
    let across = Across::new(&runs).unwrap();
    assert_eq!(across.recovery, Figure { median: None, median_seed: 0, worst: None, worst_seed: 0 });
}

#[test]
fn of_several_worst_seeds_the_least_is_named() {
    let runs = [(5, summary(0.5, None)), (3, summary(0.5, None)), (4, summary(1.0, Some(0)))];
    let across = Across::new(&runs).unwrap();
    assert_eq!((across.goodput.worst_seed, across.recovery.worst_seed), (3, 3));
}

#[test]
fn a_class_that_did_not_call_with_every_seed_is_told_of_those_with_which_it_did() {
    let mut rare = summary(1.0, Some(0));
    rare.by_priority.insert(Priority::Critical, 0.25);
    let across = Across::new(&[(0, summary(1.0, Some(0))), (1, rare)]).unwrap();
    let critical = Figure { median: 0.25, median_seed: 1, worst: 0.25, worst_seed: 1 };
    assert_eq!(across.by_priority[&Priority::Critical], critical);
}

#[test]
fn the_mean_lies_where_students_distribution_says() {
    let runs: Vec<_> = (0..5).map(|seed| (seed, summary(0.5 + 0.1 * seed as f64, None))).collect();
    assert_eq!(Across::new(&runs[..4]).unwrap().mean_goodput_between, None);
    // Mean 0.7, standard error 0.0707, 2.776 of them to each side.
    let (low, high) = Across::new(&runs).unwrap().mean_goodput_between.unwrap();
    assert!((low - 0.5037).abs() < 0.001 && (high - 0.8963).abs() < 0.001, "{low} to {high}");
}

#[test]
fn of_no_seeds_there_is_nothing_to_say() {
    assert_eq!(Across::new(&[]), None);
}

#[test]
fn json_names_units_and_says_null_for_never() {
    let across = Across::new(&[(4, summary(0.5, None))]).unwrap();
    let json = serde_json::to_value(across).unwrap();
    let expected = serde_json::json!({ "median": null, "median_seed": 4, "worst": null, "worst_seed": 4 });
    assert_eq!(json["recovery_seconds"], expected);
    assert_eq!(json["p50_seconds"]["worst"], 0.01);
    assert_eq!(json["lost"]["worst"], 0);
    assert_eq!(json["by_priority"]["normal"]["worst"], 1.0);
}

proptest! {
    #[test]
    fn the_worst_is_no_better_than_any_whatever_the_order(
        runs in prop::collection::btree_map(any::<u64>(), (0.0..=1.0, any::<Option<u32>>()), 1..20),
    ) {
        let runs: Vec<_> = runs
            .into_iter()
            .map(|(seed, (goodput, recovery))| (seed, summary(goodput, recovery.map(u64::from))))
            .collect();
        let across = Across::new(&runs).unwrap();
        let length = |recovery: Option<Duration>| recovery.unwrap_or(Duration::MAX);
        for (_, run) in &runs {
            prop_assert!(across.goodput.worst <= run.goodput);
            prop_assert!(length(across.recovery.worst) >= length(run.recovery));
        }
        let no_worse = runs.iter().filter(|(_, run)| run.goodput >= across.goodput.median).count();
        prop_assert!(no_worse * 2 >= runs.len());
        let backwards: Vec<_> = runs.into_iter().rev().collect();
        let other = Across::new(&backwards).unwrap();
        prop_assert_eq!((across.goodput, across.recovery), (other.goodput, other.recovery));
    }
}
