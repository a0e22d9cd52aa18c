use std::sync::Arc;

use seawall_fs::{Fs, FsConfig};

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = FsConfig::default();
    assert_eq!(config.target, "local");
    assert_eq!(config.concurrency.get(), 64);
    assert_eq!(config.chunk_size.get(), 262_144);
    assert_eq!((config.bytes_per_second, config.spans), (None, false));
    assert_eq!(config.deadline, None);
    assert_eq!(config.retry, seawall_tower::RetryConfig::default());
    assert_eq!(config.retry_budget, seawall_core::RetryBudgetConfig::default());
    assert_eq!(config.circuit_breaker, seawall_core::CircuitBreakerConfig::default());
}

#[test]
fn a_configuration_reads_back_as_it_was_written_and_leaves_out_what_is_default() {
    let config: FsConfig =
        serde_json::from_str(r#"{"target": "share", "concurrency": 4, "deadline": "5s"}"#).unwrap();
    assert_eq!(
        (config.target.as_str(), config.concurrency.get(), config.chunk_size.get()),
        ("share", 4, 262_144)
    );
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<FsConfig>(&text).unwrap(), config);
}

#[test]
fn zero_slots_and_misspelt_fields_are_errors() {
    serde_json::from_str::<FsConfig>(r#"{"concurrency": 0}"#).unwrap_err();
    let error = serde_json::from_str::<FsConfig>(r#"{"chunksize": 1}"#).unwrap_err();
    assert!(error.to_string().contains("chunksize"), "{error}");
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    let config = FsConfig { deadline: Some(std::time::Duration::ZERO), ..FsConfig::default() };
    let error = Fs::new(&config, Arc::new(())).unwrap_err();
    assert_eq!(error.field(), "deadline");
}
