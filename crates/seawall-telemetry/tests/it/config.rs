use std::collections::BTreeMap;
use std::time::Duration;

use seawall_telemetry::{LogConfig, OtlpConfig, Telemetry, TelemetryConfig};
use serde_json::json;

fn refusal(otlp: OtlpConfig) -> String {
    let config = TelemetryConfig { otlp: Some(otlp), ..TelemetryConfig::default() };
    Telemetry::new(&config).unwrap_err().to_string()
}

fn header(name: &str, value: &str) -> OtlpConfig {
    OtlpConfig { headers: BTreeMap::from([(name.into(), value.into())]), ..OtlpConfig::default() }
}

#[test]
fn the_defaults_are_those_of_the_tables() {
    assert_eq!(
        serde_json::to_value(TelemetryConfig::default()).unwrap(),
        json!({ "service_name": null, "resource": {}, "prometheus": true, "otlp": null, "max_labels": 128, "max_series": 1024 }),
    );
    assert_eq!(
        serde_json::to_value(OtlpConfig::default()).unwrap(),
        json!({ "endpoint": "http://localhost:4318", "headers": {}, "interval": "30s", "timeout": "5s", "sample_ratio": 1.0 }),
    );
    assert_eq!(
        serde_json::to_value(LogConfig::default()).unwrap(),
        json!({ "filter": "info", "format": "text" })
    );
}

#[test]
fn a_configuration_is_read_by_name_and_a_misspelt_field_is_refused() {
    let config: TelemetryConfig = serde_json::from_value(
        json!({ "otlp": { "endpoint": "https://otel.example.com", "interval": "1m" } }),
    )
    .unwrap();
    assert_eq!(config.otlp.unwrap().interval, Duration::from_mins(1));
    let error = serde_json::from_value::<TelemetryConfig>(json!({ "otpl": {} })).unwrap_err();
    assert!(error.to_string().contains("otpl"), "{error}");
}

#[test]
fn what_cannot_work_is_refused_by_field_value_and_rule() {
    let endpoint =
        |endpoint: &str| refusal(OtlpConfig { endpoint: endpoint.into(), ..OtlpConfig::default() });
    assert_eq!(
        endpoint("localhost"),
        "otlp.endpoint is localhost: must be an address such as http://localhost:4318"
    );
    assert_eq!(
        endpoint("grpc://localhost:4317"),
        "otlp.endpoint is grpc://localhost:4317: must begin with http:// or https://"
    );
    assert!(endpoint("http://localhost?key=1").contains("no query"));
    assert!(refusal(header("no spaces", "x")).starts_with("otlp.headers is no spaces: "));
    let zero = OtlpConfig { interval: Duration::ZERO, ..OtlpConfig::default() };
    assert_eq!(refusal(zero), "otlp.interval is 0s: must be above 0s");
    let ratio = OtlpConfig { sample_ratio: 1.5, ..OtlpConfig::default() };
    assert_eq!(refusal(ratio), "otlp.sample_ratio is 1.5: must be from 0 to 1");
}

#[test]
fn secrets_are_shown_nowhere() {
    let debug = format!("{:?}", header("api-key", "hunter2"));
    assert!(debug.contains("api-key") && !debug.contains("hunter2"), "{debug}");

    let error = refusal(header("api-key", "hunter2\n"));
    assert!(error.starts_with("otlp.headers.api-key is [redacted]") && !error.contains("hunter2"), "{error}");

    let with_password =
        OtlpConfig { endpoint: "https://me:hunter2@example.com".into(), ..OtlpConfig::default() };
    let debug = format!("{with_password:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
    let error = refusal(with_password);
    assert_eq!(
        error,
        "otlp.endpoint is [redacted]@example.com: must hold no user name or password: send them as a header"
    );
}
