//! The rollout's rules.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use seawall_core::{Arm, Event, FailureKind, Outcome, Rollout, RolloutConfig};

use crate::retry_budget::some_instant;

const FAILED: Outcome = Outcome::failure(FailureKind::Transient);

fn at(weight: f64) -> RolloutConfig {
    RolloutConfig { weight, ..RolloutConfig::default() }
}

fn record(rollout: &mut Rollout, arm: Arm, outcome: Outcome, times: u32, now: Instant) -> Vec<Event> {
    let epoch = rollout.epoch();
    (0..times).filter_map(|_| rollout.record(arm, epoch, outcome, Duration::ZERO, now)).collect()
}

#[test]
fn a_canary_that_fails_more_often_is_given_up_after_enough_calls() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.5), now).unwrap();
    record(&mut rollout, Arm::Stable, Outcome::Success, 100, now);
    record(&mut rollout, Arm::Canary, Outcome::Success, 10, now);
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 9, now), []);
    let given_up = Event::RolledBack { reason: "failure rate" };
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 1, now), [given_up]);
    assert!(rollout.is_rolled_back());
    assert_eq!(rollout.choose(0.0), Arm::Stable);
}

/// For an hour nine calls a second go to the stable stack and one to the canary: after how many seconds is it given up?
fn given_up_after(stable: f64, canary: f64, seed: u64) -> Option<u64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let start = some_instant();
    let mut rollout = Rollout::new(at(0.1), start).unwrap();
    (0..36_000).find_map(|call| {
        let (arm, rate) = if rng.f64() < 0.1 { (Arm::Canary, canary) } else { (Arm::Stable, stable) };
        let outcome = if rng.f64() < rate { FAILED } else { Outcome::Success };
        let now = start + Duration::from_millis(100 * call);
        (!record(&mut rollout, arm, outcome, 1, now).is_empty()).then_some(call / 10)
    })
}

#[test]
fn a_canary_that_does_as_well_as_the_stable_stack_is_not_given_up_by_chance() {
    for rate in [0.005, 0.01, 0.02, 0.1] {
        let given_up = (0..20).filter(|&seed| given_up_after(rate, rate, seed).is_some()).count();
        assert!(given_up <= 1, "{given_up} of 20 at {rate}");
    }
}

#[test]
fn a_canary_that_does_clearly_worse_is_given_up_within_minutes() {
    for seed in 0..20 {
        let after = given_up_after(0.01, 0.2, seed);
        assert!(after.is_some_and(|seconds| seconds < 120), "{after:?}");
    }
}

#[test]
fn trouble_that_both_stacks_share_gives_nothing_up() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.5), now).unwrap();
    for _ in 0..100 {
        record(&mut rollout, Arm::Stable, FAILED, 1, now);
        assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 1, now), []);
    }
}

#[test]
fn a_canary_that_is_slow_more_often_is_given_up() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.5), now).unwrap();
    let (epoch, slow) = (rollout.epoch(), Duration::from_secs(10));
    let told: Vec<_> =
        (0..20).filter_map(|_| rollout.record(Arm::Canary, epoch, Outcome::Success, slow, now)).collect();
    assert_eq!(told, [Event::RolledBack { reason: "slow call rate" }]);
}

#[test]
fn a_late_result_does_not_count_in_the_next_cycle() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.5), now).unwrap();
    let late = rollout.epoch();
    assert_eq!(rollout.roll_back(), Some(Event::RolledBack { reason: "by an operator" }));
    assert_eq!(rollout.roll_back(), None);
    assert_eq!(rollout.begin_again(0.5, now).unwrap(), Some(Event::WeightChanged { weight: 0.5 }));
    for _ in 0..100 {
        assert_eq!(rollout.record(Arm::Canary, late, FAILED, Duration::ZERO, now), None);
    }
    assert_eq!(rollout.weight().to_bits(), 0.5_f64.to_bits());
}

#[test]
fn a_canary_that_was_given_up_stays_so_until_it_is_told_to_begin_again() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.5), now).unwrap();
    record(&mut rollout, Arm::Canary, FAILED, 20, now);
    assert!(rollout.is_rolled_back());
    assert_eq!(
        rollout.set_weight(0.6).unwrap_err().to_string(),
        "weight is 0.6: must be 0 while the canary is rolled back, until it is told to begin again"
    );
    assert_eq!(rollout.set_weight(0.0).unwrap(), None);
    assert_eq!(rollout.reconfigure(at(0.7), now).unwrap(), None);
    assert_eq!((rollout.is_rolled_back(), rollout.choose(0.0)), (true, Arm::Stable));

    assert!(rollout.begin_again(1.1, now).is_err());
    assert!(rollout.is_rolled_back());
    assert_eq!(rollout.begin_again(0.2, now).unwrap(), Some(Event::WeightChanged { weight: 0.2 }));
    assert_eq!(rollout.choose(0.1), Arm::Canary);
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 19, now), [], "what was known is forgotten");
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 1, now).len(), 1);
}

#[test]
fn a_call_that_is_dropped_late_counts_as_slow_and_says_nothing_about_failures() {
    let now = some_instant();
    let slow = RolloutConfig::default().slow_call_duration;
    let mut rollout = Rollout::new(at(0.5), now).unwrap();
    let epoch = rollout.epoch();
    let soon = slow.checked_sub(Duration::from_millis(1)).unwrap();
    for _ in 0..100 {
        assert_eq!(rollout.abandon(Arm::Canary, epoch, soon, now), None);
    }
    let told: Vec<_> = (0..20).filter_map(|_| rollout.abandon(Arm::Canary, epoch, slow, now)).collect();
    assert_eq!(told, [Event::RolledBack { reason: "slow call rate" }]);
    assert_eq!(rollout.abandon(Arm::Canary, epoch, slow, now), None, "it was made in an earlier cycle");

    // Were they successes, the failures would be too few; were they failures, one would do.
    let config = RolloutConfig { slow_call_rate_margin: None, failure_rate_margin: Some(1.0), ..at(0.5) };
    let mut rollout = Rollout::new(config, now).unwrap();
    let epoch = rollout.epoch();
    for _ in 0..100 {
        assert_eq!(rollout.abandon(Arm::Canary, epoch, slow, now), None);
    }
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 19, now), []);
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 1, now).len(), 1);
}

#[test]
fn raising_the_weight_keeps_what_is_known() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.1), now).unwrap();
    record(&mut rollout, Arm::Canary, FAILED, 19, now);
    assert_eq!(rollout.set_weight(0.2).unwrap(), Some(Event::WeightChanged { weight: 0.2 }));
    assert_eq!(rollout.set_weight(0.2).unwrap(), None);
    assert_eq!(record(&mut rollout, Arm::Canary, FAILED, 1, now).len(), 1);
}

#[test]
fn a_weight_that_is_no_share_is_refused_and_the_old_one_stays() {
    let now = some_instant();
    let mut rollout = Rollout::new(at(0.1), now).unwrap();
    for weight in [-0.1, 1.1, f64::NAN] {
        assert!(rollout.reconfigure(at(weight), now).is_err());
        assert!(rollout.set_weight(weight).is_err());
    }
    assert_eq!(
        rollout.reconfigure(at(2.0), now).unwrap_err().to_string(),
        "weight is 2: must be at least 0 and at most 1"
    );
    assert_eq!(rollout.config(), &at(0.1));
}

#[test]
fn the_defaults_are_those_that_the_documentation_lists() {
    assert_eq!(
        serde_json::to_string(&RolloutConfig::default()).unwrap(),
        r#"{"weight":0.0,"failure_rate_margin":0.05,"slow_call_rate_margin":0.5,"slow_call_duration":"10s","#
            .to_owned()
            + r#""minimum_number_of_calls":20,"window":"1m"}"#
    );
}

proptest! {
    #[test]
    fn raising_the_weight_moves_calls_only_to_the_canary(
        low in 0.0..=1.0_f64, high in 0.0..=1.0_f64, point in 0.0..1.0_f64,
    ) {
        let now = some_instant();
        let (low, high) = (low.min(high), low.max(high));
        let mut rollout = Rollout::new(at(low), now).unwrap();
        let before = rollout.choose(point);
        rollout.reconfigure(at(high), now).unwrap();
        prop_assert!(before == Arm::Stable || rollout.choose(point) == Arm::Canary);
    }
}
