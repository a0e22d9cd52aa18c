//! Chaos as a value: rates are shares, a seed is a sequence, a bad configuration is named.

use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{ChaosConfig, Fault, InjectedError, Injection};

fn enabled() -> ChaosConfig {
    ChaosConfig { enabled: true, ..ChaosConfig::default() }
}

fn draws(config: &ChaosConfig, seed: u64, calls: usize) -> Vec<Injection> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..calls).map(|_| config.draw(&mut rng)).collect()
}

/// Rates that may stand together.
fn rates() -> impl Strategy<Value = ChaosConfig> {
    let rate = || 0.0..=1.0_f64;
    (rate(), rate(), rate(), rate()).prop_map(|(latency_rate, error, hang, loss)| {
        let sum = (error + hang + loss).max(1.0);
        let [error_rate, hang_rate, loss_rate] = [error, hang, loss].map(|rate| rate / sum);
        ChaosConfig { latency_rate, error_rate, hang_rate, loss_rate, ..enabled() }
    })
}

#[test]
fn the_defaults_are_those_that_the_documentation_lists() {
    assert_eq!(
        serde_json::to_string_pretty(&ChaosConfig::default()).unwrap(),
        r#"{
  "enabled": false,
  "latency_rate": 0.0,
  "min_latency": "100ms",
  "max_latency": "1s",
  "error_rate": 0.0,
  "error_kind": "transient",
  "retry_after": "off",
  "hang_rate": 0.0,
  "loss_rate": 0.0
}"#
    );
    ChaosConfig::default().validate().unwrap();
    assert_eq!(serde_json::from_str::<ChaosConfig>("{}").unwrap(), ChaosConfig::default());
    assert!(serde_json::from_str::<ChaosConfig>(r#"{"error_rat": 1.0}"#).is_err());
    let config: ChaosConfig =
        serde_json::from_str(r#"{"error_kind": "overloaded", "retry_after": "2s"}"#).unwrap();
    assert_eq!(
        (config.error_kind, config.retry_after),
        (InjectedError::Overloaded, Some(Duration::from_secs(2)))
    );
}

#[test]
fn what_cannot_work_is_named() {
    let message = |config: ChaosConfig| config.validate().unwrap_err().to_string();
    assert_eq!(
        message(ChaosConfig { latency_rate: f64::NAN, ..enabled() }),
        "latency_rate is NaN: must be at least 0 and at most 1"
    );
    assert_eq!(
        message(ChaosConfig { error_rate: -0.1, ..enabled() }),
        "error_rate is -0.1: must be at least 0 and at most 1"
    );
    assert_eq!(
        message(ChaosConfig { error_rate: 0.5, hang_rate: 0.3, loss_rate: 0.3, ..enabled() }),
        "loss_rate is 0.3: must, with error_rate and hang_rate, add up to at most 1"
    );
    assert_eq!(
        message(ChaosConfig { max_latency: Duration::from_millis(99), ..enabled() }),
        "max_latency is 99ms: must be at least min_latency"
    );
    ChaosConfig { error_rate: 0.7, hang_rate: 0.2, loss_rate: 0.1, ..enabled() }.validate().unwrap();
}

#[test]
fn nothing_is_active_without_a_rate_or_while_it_is_off() {
    assert!(!enabled().is_active());
    assert!(!ChaosConfig { enabled: false, error_rate: 1.0, ..enabled() }.is_active());
    assert!(ChaosConfig { loss_rate: 0.001, ..enabled() }.is_active());
}

#[test]
fn changing_one_rate_leaves_the_calls_of_the_others_as_they_are() {
    let slow = |injections: &[Injection]| injections.iter().map(|one| one.latency).collect::<Vec<_>>();
    let some = draws(&ChaosConfig { latency_rate: 0.3, error_rate: 0.1, ..enabled() }, 7, 1000);
    let more = draws(&ChaosConfig { latency_rate: 0.3, error_rate: 0.6, ..enabled() }, 7, 1000);
    assert_eq!(slow(&some), slow(&more));
    // And those that failed before fail still.
    assert!(some.iter().zip(&more).all(|(some, more)| some.fault.is_none() || some.fault == more.fault));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_fault_meets_its_share_of_the_calls(config in rates(), seed: u64) {
        config.validate().unwrap();
        let calls = 4_000;
        let injections = draws(&config, seed, calls);
        let share = |wanted: fn(&Injection) -> bool| {
            injections.iter().filter(|one| wanted(one)).count() as f64 / calls as f64
        };
        // Five standard deviations.
        let near = |share: f64, rate: f64| (share - rate).abs() < 5.0 * 0.5 / (calls as f64).sqrt();
        prop_assert!(near(share(|one| matches!(one.fault, Some(Fault::Error(_)))), config.error_rate));
        prop_assert!(near(share(|one| one.fault == Some(Fault::Hang)), config.hang_rate));
        prop_assert!(near(share(|one| one.fault == Some(Fault::Loss)), config.loss_rate));
        // A call that hangs has no answer to hold back.
        let can_be_late = config.latency_rate * (1.0 - config.hang_rate);
        prop_assert!(near(share(|one| one.latency.is_some()), can_be_late));
        let bounds = config.min_latency..=config.max_latency;
        prop_assert!(injections.iter().filter_map(|one| one.latency).all(|latency| bounds.contains(&latency)));
    }

    #[test]
    fn a_seed_is_a_sequence(config in rates(), seed: u64) {
        prop_assert_eq!(draws(&config, seed, 50), draws(&config, seed, 50));
    }

    #[test]
    fn what_is_off_injects_nothing(config in rates(), seed: u64) {
        let off = ChaosConfig { enabled: false, ..config };
        prop_assert!(draws(&off, seed, 50).iter().all(|one| *one == Injection::default()));
    }
}
