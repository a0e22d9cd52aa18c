use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, HedgeConfig, LimitConfig, RateLimitConfig, WaitQueueConfig};
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
}

/// Defaults that are no type's own, in every section, however deep.
fn others() -> PipelineConfig {
    let mut other = PipelineConfig { deadline: None, hedge: None, ..PipelineConfig::default() };
    other.max_targets = 7.try_into().unwrap();
    other.retry.max_delay = Duration::from_secs(77);
    other.retry_budget.ratio = 0.77;
    other.circuit_breaker.ramp = Duration::ZERO;
    other.circuit_breaker.slow_call_rate_threshold = None;
    let limit = other.concurrency_limit.as_mut().unwrap();
    limit.limit.max = 77.try_into().unwrap();
    limit.queue.max_waiting = 7;
    other.rate_limit = Some(RateLimitConfig { limit: 7.try_into().unwrap(), ..RateLimitConfig::default() });
    other
}

fn over_others(json: &str) -> Result<PipelineConfig, String> {
    let mut json = serde_json::Deserializer::from_str(json);
    PipelineConfig::deserialize_over(others(), &mut json).map_err(|error| error.to_string())
}

type Change = fn(&mut PipelineConfig);

#[test]
fn a_section_changes_only_what_it_names_however_deep_that_is() {
    assert_eq!(over_others("{}").unwrap(), others());
    let cases: [(&str, Change); 9] = [
        (r#"{"circuit_breaker": {"wait_factor": 2.0}}"#, |config| config.circuit_breaker.wait_factor = 2.0),
        (r#"{"circuit_breaker": {}, "retry": {}, "concurrency_limit": {"queue": {}}}"#, |_| {}),
        (r#"{"retry": {"factor": 3}}"#, |config| config.retry.factor = 3.0),
        (r#"{"retry_budget": {"reserve": 5}}"#, |config| config.retry_budget.reserve = 5.0),
        (r#"{"concurrency_limit": {"limit": {"min": 2}}}"#, |config| {
            config.concurrency_limit.as_mut().unwrap().limit.min = 2.0;
        }),
        (r#"{"concurrency_limit": {"queue": {"max_wait": "1s"}}}"#, |config| {
            config.concurrency_limit.as_mut().unwrap().queue.max_wait = Some(Duration::from_secs(1));
        }),
        (r#"{"concurrency_limit": "off", "rate_limit": "off"}"#, |config| {
            (config.concurrency_limit, config.rate_limit) = (None, None);
        }),
        (r#"{"hedge": {}}"#, |config| config.hedge = Some(HedgeConfig::default())),
        (r#"{"circuit_breaker": {"slow_call_rate_threshold": 0.5}, "deadline": "5s"}"#, |config| {
            config.circuit_breaker.slow_call_rate_threshold = Some(0.5);
            config.deadline = Some(Duration::from_secs(5));
        }),
    ];
    for (json, change) in cases {
        let mut expected = others();
        change(&mut expected);
        assert_eq!(over_others(json).unwrap(), expected, "{json}");
    }
}

#[test]
fn what_is_wrong_deep_in_a_section_is_said_as_it_is_elsewhere() {
    for json in [
        r#"{"circuit_breaker": {"rampp": "1s"}}"#,
        r#"{"circuit_breaker": {"ramp": 1}}"#,
        r#"{"circuit_breaker": {"ramp": "1s", "ramp": "2s"}}"#,
        r#"{"circuit_breaker": "off"}"#,
        r#"{"circuit_breaker": 7}"#,
        r#"{"retry": {"max_attempts": 0}}"#,
        r#"{"concurrency_limit": {"queue": {"max_waitin": 1}}}"#,
    ] {
        let itself = serde_json::from_str::<PipelineConfig>(json).unwrap_err().to_string();
        assert_eq!(over_others(json).unwrap_err(), itself, "{json}");
    }
}
