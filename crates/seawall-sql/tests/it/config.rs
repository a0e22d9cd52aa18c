use std::time::Duration;

use seawall_core::RateLimitConfig;
use seawall_sql::SqlConfig;
use seawall_tower::PipelineConfig;

#[test]
fn the_defaults_are_what_the_docs_say() {
    let mut json = serde_json::to_value(SqlConfig::default()).unwrap();
    json.as_object_mut().unwrap().remove("pipeline").expect("pinned by its own crate");
    assert_eq!(
        json,
        serde_json::json!({
            "pool": {
                "size": 10,
                "max_overflow": 0,
                "overflow_linger": "10s",
                "min_idle": 0,
                "max_waiters": 1024,
                "wait_timeout": "5s",
                "connect_timeout": "5s",
                "validate_after_idle": "1s",
                "idle_timeout": "10m",
                "max_lifetime": "30m",
                "leak_threshold": "30s",
                "statement_cache": 100,
                "pooler": "none",
                "role": "any",
            },
            "sqlite": { "busy_timeout": "5s", "synchronous": "normal" },
            "replicas": { "urls": [], "max_lag": "10s", "probe_interval": "1s" },
            "slow_queries": { "threshold": "500ms", "capacity": 100 },
            "query_cache": { "capacity": 67_108_864 },
        })
    );
}

#[test]
fn a_field_that_does_not_exist_is_refused() {
    assert!(serde_json::from_str::<SqlConfig>(r#"{"pool": {"sice": 1}}"#).is_err());
}

#[test]
fn the_pool_is_the_only_limit_unless_another_is_asked_for() {
    let limit = |json: &str| serde_json::from_str::<SqlConfig>(json).unwrap().pipeline.concurrency_limit;
    assert_eq!(SqlConfig::default().pipeline.concurrency_limit, None);
    assert_eq!(limit("{}"), None);
    // A section with something else in it asks for none.
    assert_eq!(limit(r#"{"pipeline": {"deadline": "5s"}}"#), None);
    let asked = limit(r#"{"pipeline": {"concurrency_limit": {"queue": {"max_waiting": 7}}}}"#);
    assert_eq!(asked.unwrap().queue.max_waiting, 7);
    // Everything else is as it is in every pipeline.
    let PipelineConfig { concurrency_limit, mut circuit_breaker, .. } = PipelineConfig::default();
    circuit_breaker.wait_duration_in_open = Duration::from_millis(500);
    circuit_breaker.ramp = Duration::ZERO;
    let default = PipelineConfig { circuit_breaker, ..PipelineConfig::default() };
    assert_eq!(PipelineConfig { concurrency_limit, ..SqlConfig::default().pipeline }, default);
}

#[test]
fn a_pipeline_survives_being_written_and_read() {
    let mut config = SqlConfig::default();
    config.pipeline.deadline = None;
    config.pipeline.rate_limit = Some(RateLimitConfig::default());
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<SqlConfig>(&written).unwrap(), config);
    let error = serde_json::from_str::<SqlConfig>(r#"{"pipeline": {"dead_line": "1s"}}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `dead_line`"), "{error}");
}

#[test]
fn a_part_of_a_section_leaves_the_clients_own_defaults_beside_it() {
    let json = r#"{"pipeline": {"circuit_breaker": {"wait_factor": 2.0}, "retry": {"max_attempts": 2}}}"#;
    let config: SqlConfig = serde_json::from_str(json).unwrap();
    let mut expected = SqlConfig::default();
    expected.pipeline.circuit_breaker.wait_factor = 2.0;
    expected.pipeline.retry.max_attempts = 2.try_into().unwrap();
    assert_eq!(config, expected);
}
