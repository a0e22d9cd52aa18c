use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, HedgeConfig, InvalidConfig, RateLimitConfig, RetryBudgetConfig};

#[test]
fn the_defaults_are_those_that_the_documentation_lists() {
    assert_eq!(
        serde_json::to_string_pretty(&CircuitBreakerConfig::default()).unwrap(),
        r#"{
  "failure_rate_threshold": 1.0,
  "slow_call_rate_threshold": 1.0,
  "slow_call_duration": "1m",
  "minimum_number_of_calls": 50,
  "consecutive_failures": "off",
  "count_window": "off",
  "time_window": "20s",
  "wait_duration_in_open": "3s",
  "wait_factor": 1.0,
  "max_wait_duration_in_open": "1m",
  "wait_jitter": "equal",
  "permitted_calls_in_half_open": 5,
  "half_open_success_threshold": 0.2,
  "half_open_lease": "15s",
  "ramp": "2s"
}"#
    );
    assert_eq!(
        serde_json::to_string(&RetryBudgetConfig::default()).unwrap(),
        r#"{"form":"outcome","ratio":0.1,"window":"10s","reserve":3.0,"trickle":0.1}"#
    );
    assert_eq!(
        serde_json::to_string(&RateLimitConfig::default()).unwrap(),
        r#"{"limit":100,"period":"1s","burst":10,"max_wait":"1s","max_waiting":1024,"max_retry_after":"30s"}"#
    );
}

#[test]
fn the_defaults_are_valid_and_an_empty_file_means_them() {
    CircuitBreakerConfig::default().validate().unwrap();
    RetryBudgetConfig::default().validate().unwrap();
    RateLimitConfig::default().validate().unwrap();
    assert_eq!(serde_json::from_str::<CircuitBreakerConfig>("{}").unwrap(), CircuitBreakerConfig::default());
    assert!(serde_json::from_str::<CircuitBreakerConfig>(r#"{"failure_treshold": 1}"#).is_err());
}

#[test]
fn every_knob_that_can_be_off_is_off_by_that_word() {
    let config: CircuitBreakerConfig = serde_json::from_str(
        r#"{"failure_rate_threshold": "off", "slow_call_rate_threshold": "off", "consecutive_failures": "off",
            "count_window": "off", "time_window": "off"}"#,
    )
    .unwrap();
    assert_eq!(config.failure_rate_threshold, None);
    assert_eq!(config.slow_call_rate_threshold, None);
    assert_eq!(config.consecutive_failures, None);
    assert_eq!(config.count_window, None);
    assert_eq!(config.time_window, None);
    assert_eq!(serde_json::from_str::<RateLimitConfig>(r#"{"max_wait": "off"}"#).unwrap().max_wait, None);
    let again = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(config, again);

    let wrong = serde_json::from_str::<CircuitBreakerConfig>(r#"{"count_window": "of"}"#).unwrap_err();
    assert!(wrong.to_string().contains(r#"or "off""#), "{wrong}");
}

#[test]
fn a_bad_value_is_named_with_its_rule() {
    let default = CircuitBreakerConfig::default;
    let second = Duration::from_secs(1);
    let cases = [
        (
            CircuitBreakerConfig { failure_rate_threshold: Some(1.5), ..default() },
            "failure_rate_threshold is 1.5: must be above 0 and at most 1",
        ),
        (
            CircuitBreakerConfig { slow_call_rate_threshold: Some(0.0), ..default() },
            "slow_call_rate_threshold is 0: must be above 0 and at most 1",
        ),
        (
            CircuitBreakerConfig { half_open_success_threshold: f64::NAN, ..default() },
            "half_open_success_threshold is NaN: must be above 0 and at most 1",
        ),
        (
            CircuitBreakerConfig { half_open_lease: Duration::ZERO, ..default() },
            "half_open_lease is 0ns: must be above zero",
        ),
        (CircuitBreakerConfig { wait_factor: 0.9, ..default() }, "wait_factor is 0.9: must be at least 1"),
        (
            CircuitBreakerConfig { max_wait_duration_in_open: second, ..default() },
            "max_wait_duration_in_open is 1s: must be at least wait_duration_in_open",
        ),
        (
            CircuitBreakerConfig { time_window: Some(Duration::from_millis(1)), ..default() },
            "time_window is 1ms: must be at least 10ms",
        ),
        (
            CircuitBreakerConfig { count_window: NonZeroU32::new(1_000_001), ..default() },
            "count_window is 1000001: must be at most 1000000",
        ),
        (
            CircuitBreakerConfig { permitted_calls_in_half_open: NonZeroU32::MAX, ..default() },
            "permitted_calls_in_half_open is 4294967295: must be at most 1000",
        ),
    ];
    for (config, message) in cases {
        assert_eq!(config.validate().as_ref().map_err(InvalidConfig::to_string), Err(message.to_owned()));
    }

    let budget = RetryBudgetConfig { ratio: -0.1, ..RetryBudgetConfig::default() };
    let invalid = budget.validate().unwrap_err().within("retry_budget");
    assert_eq!(invalid.to_string(), "retry_budget.ratio is -0.1: must be at least 0 and at most 10");
    assert_eq!(invalid.field(), "retry_budget.ratio");
}

#[test]
fn the_defaults_of_hedging_are_those_that_the_documentation_lists() {
    HedgeConfig::default().validate().unwrap();
    assert_eq!(
        serde_json::to_string_pretty(&HedgeConfig::default()).unwrap(),
        r#"{
  "quantile": 0.95,
  "window": "30s",
  "minimum_samples": 50,
  "minimum_delay": "1ms",
  "fixed_delay": "off",
  "max_hedges": 1,
  "budget_ratio": 0.05,
  "budget_reserve": 10.0
}"#
    );
    let fixed: HedgeConfig = serde_json::from_str(r#"{"fixed_delay": "20ms"}"#).unwrap();
    assert_eq!(fixed.fixed_delay, Some(Duration::from_millis(20)));

    let default = HedgeConfig::default;
    for (config, field) in [
        (HedgeConfig { quantile: f64::NAN, ..default() }, "quantile"),
        (HedgeConfig { window: Duration::ZERO, ..default() }, "window"),
        (HedgeConfig { fixed_delay: Some(Duration::ZERO), ..default() }, "fixed_delay"),
        (HedgeConfig { max_hedges: NonZeroU32::MAX, ..default() }, "max_hedges"),
        (HedgeConfig { budget_ratio: 1.1, ..default() }, "budget_ratio"),
        (HedgeConfig { budget_reserve: 0.5, ..default() }, "budget_reserve"),
    ] {
        assert_eq!(config.validate().unwrap_err().field(), field);
    }
}
