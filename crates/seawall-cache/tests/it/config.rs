use std::time::Duration;

use seawall_cache::{Cache, CacheConfig};

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = CacheConfig::default();
    assert_eq!(config.capacity.get(), 67_108_864);
    assert_eq!(config.jitter.to_string(), "0.1");
    assert_eq!(config.load_timeout, Duration::from_secs(30));
    assert_eq!(config.seed, None);
}

#[test]
fn a_configuration_reads_back_as_it_was_written_and_leaves_out_what_is_default() {
    let config: CacheConfig = serde_json::from_str(r#"{"load_timeout": "5s", "seed": 7}"#).unwrap();
    assert_eq!(config.load_timeout, Duration::from_secs(5));
    assert_eq!(config.capacity, CacheConfig::default().capacity);
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<CacheConfig>(&text).unwrap(), config);
}

#[test]
fn a_misspelt_field_is_an_error() {
    let error = serde_json::from_str::<CacheConfig>(r#"{"capacitance": 1}"#).unwrap_err();
    assert!(error.to_string().contains("capacitance"), "{error}");
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    for jitter in [1.0, -0.1, f64::NAN] {
        let error = Cache::new(&CacheConfig { jitter, ..CacheConfig::default() }).unwrap_err();
        assert_eq!(error.to_string(), format!("jitter is {jitter}: must be at least 0 and below 1"));
    }
    let error =
        Cache::new(&CacheConfig { load_timeout: Duration::ZERO, ..CacheConfig::default() }).unwrap_err();
    assert_eq!(error.field(), "load_timeout");
}
