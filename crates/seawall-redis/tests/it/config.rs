use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::{Redis, RedisConfig};

#[test]
fn the_defaults_are_those_that_are_documented() {
    let config = RedisConfig::default();
    let shown = serde_json::to_value(&config).unwrap();
    for (field, value) in [
        ("connections", serde_json::json!("auto")),
        ("max_queued", serde_json::json!(1024)),
        ("bulk_size", serde_json::json!(65536)),
        ("connect_timeout", serde_json::json!("2s")),
        ("reconnect_delay", serde_json::json!("250ms")),
        ("timeouts_to_replace", serde_json::json!(3)),
        ("max_age", serde_json::json!("30m")),
        ("keepalive", serde_json::json!("30s")),
        ("offline_wait", serde_json::json!("500ms")),
        ("max_offline", serde_json::json!(1024)),
        ("slow_timeout", serde_json::json!("5s")),
        ("blocking_margin", serde_json::json!("1s")),
        ("dedicated", serde_json::json!({"size": 16, "max_waiters": 256, "wait_timeout": "5s"})),
        ("read_from", serde_json::json!("primary")),
        ("protocol", serde_json::json!("resp3")),
        ("tls", serde_json::json!({"roots": []})),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(shown["pipeline"]["deadline"], "off");
    assert_eq!(shown["pipeline"]["circuit_breaker"]["slow_call_rate_threshold"], "off");
    assert_eq!(shown["pipeline"]["attempt_timeout"], "2s");
    assert_eq!(shown["pipeline"]["concurrency_limit"], "off");
    assert_eq!(shown["pipeline"]["circuit_breaker"]["wait_duration_in_open"], "500ms");
    assert_eq!(serde_json::from_value::<RedisConfig>(shown).unwrap(), config);
    config.validate().unwrap();
    assert_eq!(config.pipeline.lint(), []);
}

#[test]
fn a_pipeline_that_is_given_in_part_keeps_this_crates_defaults() {
    let config: RedisConfig = serde_json::from_str(r#"{"pipeline": {"deadline": "3s"}}"#).unwrap();
    assert_eq!(config.pipeline.deadline, Some(Duration::from_secs(3)));
    assert_eq!(config.pipeline.attempt_timeout, Some(Duration::from_secs(2)));
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let refused = |adjust: fn(&mut RedisConfig)| {
        let mut config = RedisConfig::default();
        adjust(&mut config);
        config.validate().unwrap_err().to_string()
    };
    assert!(refused(|config| config.connect_timeout = Duration::ZERO).contains("connect_timeout"));
    assert!(refused(|config| config.connections = NonZeroUsize::new(65)).contains("connections"));
    assert!(refused(|config| config.pipeline.deadline = Some(Duration::ZERO)).contains("pipeline.deadline"));
    assert!(serde_json::from_str::<RedisConfig>(r#"{"conections": 1}"#).is_err());
    assert!(serde_json::from_str::<RedisConfig>(r#"{"connections": 0}"#).is_err());
}

#[tokio::test]
async fn a_url_that_cannot_be_read_is_an_error_that_shows_no_password() {
    for url in
        ["http://:s3cret@host", "redis://:s3cret@host/not-a-number", "s3cret", "redis://:s3cret@0.0.0.0"]
    {
        let error = Redis::connect(url, &RedisConfig::default(), Arc::new(())).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{url}");
        assert!(!error.may_have_executed());
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn replicas_are_preferred_only_where_some_are_known() {
    let config: RedisConfig = serde_json::from_str(r#"{"read_from": "prefer_replica"}"#).unwrap();
    let error = Redis::lazy("redis://127.0.0.1:1", &config, Arc::new(())).unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("let it name sentinels or a cluster"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_at_once_or_later() {
    let url = "redis://127.0.0.1:1";
    let error = Redis::connect(url, &RedisConfig::default(), Arc::new(())).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(!error.may_have_executed());

    let config = RedisConfig { offline_wait: Duration::ZERO, ..RedisConfig::default() };
    let redis = Redis::lazy(url, &config, Arc::new(())).unwrap();
    let error = redis.get::<Option<String>>("key").await.unwrap_err();
    assert!(!error.may_have_executed());
    assert_eq!(redis.stats().unwrap().connected, 0);
}

#[cfg(not(any(feature = "cluster", feature = "sentinel")))]
#[tokio::test]
async fn a_url_of_what_was_not_compiled_in_says_what_to_switch_on() {
    for (url, feature) in
        [("redis-sentinel://:s3cret@host/shop", "sentinel"), ("redis-cluster://:s3cret@host", "cluster")]
    {
        let error = Redis::lazy(url, &RedisConfig::default(), Arc::new(())).unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains(&format!("feature `{feature}` of `seawall-redis`")), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_part_of_a_section_leaves_the_clients_own_defaults_beside_it() {
    let json = r#"{"pipeline": {"circuit_breaker": {"wait_factor": 2.0}, "retry": {"max_attempts": 2}}}"#;
    let config: RedisConfig = serde_json::from_str(json).unwrap();
    let mut expected = RedisConfig::default();
    expected.pipeline.circuit_breaker.wait_factor = 2.0;
    expected.pipeline.retry.max_attempts = 2.try_into().unwrap();
    assert_eq!(config, expected);
}
