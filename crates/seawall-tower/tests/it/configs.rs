use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, LimitConfig, WaitQueueConfig};
use seawall_tower::{ConcurrencyLimitConfig, PipelineConfig, RetryConfig};

#[test]
fn the_defaults_are_those_that_the_documentation_lists() {
    assert_eq!(
        serde_json::to_string_pretty(&RetryConfig::default()).unwrap(),
        r#"{
  "max_attempts": 4,
  "base_delay": "50ms",
  "factor": 2.0,
  "max_delay": "5s",
  "jitter": "full",
  "max_retry_after": "30s"
}"#
    );
    let concurrency_limit = serde_json::to_value(ConcurrencyLimitConfig::default()).unwrap();
    assert_eq!(concurrency_limit["limit"], serde_json::to_value(LimitConfig::default()).unwrap());
    assert_eq!(concurrency_limit["queue"], serde_json::to_value(WaitQueueConfig::default()).unwrap());
    let pipeline = serde_json::to_value(PipelineConfig::default()).unwrap();
    assert_eq!(
        (&pipeline["deadline"], &pipeline["attempt_timeout"], &pipeline["max_targets"]),
        (&"30s".into(), &"8s".into(), &1024.into())
    );
    let limit = serde_json::to_value(ConcurrencyLimitConfig::default()).unwrap();
    assert_eq!((&pipeline["concurrency_limit"], &pipeline["rate_limit"]), (&limit, &"off".into()));
    assert_eq!(pipeline["hedge"], "off");
    assert_eq!(pipeline["expected_load"], "off");
    assert_eq!(pipeline["circuit_breaker"], serde_json::to_value(CircuitBreakerConfig::default()).unwrap());
}

#[test]
fn the_defaults_are_valid_and_limits_can_be_off() {
    PipelineConfig::default().validate().unwrap();
    ConcurrencyLimitConfig::default().validate().unwrap();
    let patient: ConcurrencyLimitConfig = serde_json::from_str(
        r#"{"limit": {"algorithm": "fixed", "max": 5}, "queue": {"max_wait": "off", "pressure_after": "off"}}"#,
    )
    .unwrap();
    assert_eq!((patient.limit.max.get(), patient.queue.max_wait), (5, None));
    assert!(serde_json::from_str::<ConcurrencyLimitConfig>(r#"{"max_concurrent": 1}"#).is_err());
    let config: PipelineConfig =
        serde_json::from_str(r#"{"deadline": "off", "attempt_timeout": "off", "concurrency_limit": "off"}"#)
            .unwrap();
    assert_eq!((config.deadline, config.attempt_timeout), (None, None));
    assert_eq!(config.concurrency_limit, None);
    let config: PipelineConfig = serde_json::from_str(r#"{"rate_limit": {"limit": 7}}"#).unwrap();
    assert_eq!(config.rate_limit.unwrap().limit.get(), 7);
    assert!(serde_json::from_str::<PipelineConfig>(r#"{"dead_line": "1s"}"#).is_err());
}

#[test]
fn a_bad_value_is_named_with_its_section() {
    let message = |config: PipelineConfig| config.validate().unwrap_err().to_string();
    let breaker =
        CircuitBreakerConfig { failure_rate_threshold: Some(1.5), ..CircuitBreakerConfig::default() };
    assert_eq!(
        message(PipelineConfig { circuit_breaker: breaker, ..PipelineConfig::default() }),
        "circuit_breaker.failure_rate_threshold is 1.5: must be above 0 and at most 1"
    );
    let retry = RetryConfig { max_delay: Duration::ZERO, ..RetryConfig::default() };
    assert_eq!(
        message(PipelineConfig { retry, ..PipelineConfig::default() }),
        "retry.max_delay is 0ns: must be at least base_delay"
    );
    assert_eq!(
        message(PipelineConfig { deadline: Some(Duration::ZERO), ..PipelineConfig::default() }),
        "deadline is 0s: must be above zero, or \"off\""
    );
}

#[test]
fn a_section_is_read_over_other_defaults_as_a_configuration_is_over_its_own() {
    for json in [
        "{}",
        r#"{"deadline": "off", "attempt_timeout": "2s", "retry": {"max_attempts": 2}, "retry_budget": {"ratio": 0.2}}"#,
        r#"{"hedge": {}, "circuit_breaker": {"ramp": "1s"}, "concurrency_limit": "off", "rate_limit": {"limit": 7}}"#,
        r#"{"hedge": "off", "rate_limit": "off", "expected_load": "off", "max_targets": 7}"#,
        r#"{"retry": null}"#,
        r#"{"deadline": null}"#,
        r#"{"dead_line": "1s"}"#,
        r#"{"deadline": "1s", "deadline": "1s"}"#,
        r#"{"concurrency_limit": "on"}"#,
        "7",
    ] {
        let itself = serde_json::from_str::<PipelineConfig>(json);
        let over = PipelineConfig::deserialize_over(
            PipelineConfig::default(),
            &mut serde_json::Deserializer::from_str(json),
        );
        assert_eq!(
            over.map_err(|error| error.to_string()),
            itself.map_err(|error| error.to_string()),
            "{json}"
        );
    }
    let other =
        PipelineConfig { deadline: None, max_targets: 7.try_into().unwrap(), ..PipelineConfig::default() };
    let mut json = serde_json::Deserializer::from_str("{}");
    assert_eq!(PipelineConfig::deserialize_over(other.clone(), &mut json).unwrap(), other);
}
