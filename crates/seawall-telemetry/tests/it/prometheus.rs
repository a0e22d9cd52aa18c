use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use seawall_core::{AttributeValue, Event, FailureKind, Measurement, Observer, Origin, Outcome};
use seawall_telemetry::{Telemetry, TelemetryConfig};

/// Values, as written, by name and sorted labels. Panics on a line that is no sample.
fn parse(text: &str) -> BTreeMap<String, String> {
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let series = match series.split_once('{') {
            None => series.to_owned(),
            Some((name, labels)) => {
                let labels = labels.strip_suffix("\"}").unwrap_or_else(|| panic!("unclosed labels: {line}"));
                let mut labels: Vec<&str> = labels.split("\",").collect();
                labels.sort_unstable();
                format!("{name}{{{}\"}}", labels.join("\","))
            }
        };
        let name = series.split('{').next().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "not a name: {name}");
        value.parse::<f64>().unwrap_or_else(|_| panic!("no number: {line}"));
        (series, value.to_owned())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

const LABELS: &str =
    r#"resilience_pipeline_name="http",resilience_strategy_name="retry",resilience_strategy_target="a""#;

fn tell(telemetry: &Telemetry, event: Event) {
    telemetry.observe(Origin { pipeline: "http", strategy: "retry", target: "a" }, &event);
}

#[test]
fn metrics_have_the_names_of_the_table() {
    let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
    let elapsed = Duration::from_millis(20);
    tell(&telemetry, Event::Completed { outcome: Outcome::Success, elapsed });
    tell(&telemetry, Event::Completed { outcome: Outcome::failure(FailureKind::Timeout), elapsed });
    tell(&telemetry, Event::Attempted { attempt: 1, outcome: Outcome::Success, elapsed });
    tell(&telemetry, Event::Opened { wait: elapsed });

    let text = telemetry.render_prometheus();
    let samples = parse(&text);
    let sample = |series: String| {
        samples.get(&series).map_or_else(|| panic!("no {series} in\n{text}"), String::as_str)
    };
    assert_eq!(
        sample(format!(r#"resilience_event_total{{resilience_event_name="completed",{LABELS}}}"#)),
        "2"
    );
    assert_eq!(sample(format!(r#"resilience_event_total{{resilience_event_name="opened",{LABELS}}}"#)), "1");
    let calls = "resilience_pipeline_duration_seconds";
    assert_eq!(sample(format!("{calls}_count{{{LABELS}}}")), "1");
    assert_eq!(sample(format!(r#"{calls}_count{{error_type="timeout",{LABELS}}}"#)), "1");
    assert_eq!(sample(format!("{calls}_sum{{{LABELS}}}")), "0.02");
    assert_eq!(sample(format!(r#"{calls}_bucket{{le="0.01",{LABELS}}}"#)), "0");
    assert_eq!(sample(format!(r#"{calls}_bucket{{le="0.025",{LABELS}}}"#)), "1");
    assert_eq!(sample(format!("resilience_attempt_duration_seconds_count{{{LABELS}}}")), "1");
    let circuit = |state| {
        sample(format!(
            r#"resilience_circuit_breaker_state{{resilience_circuit_breaker_state="{state}",{LABELS}}}"#
        ))
    };
    assert_eq!((circuit("open"), circuit("closed"), circuit("half_open")), ("1", "0", "0"));
    assert!(text.contains("# TYPE resilience_event_total counter"), "{text}");
    assert!(text.contains("# TYPE resilience_pipeline_duration_seconds histogram"), "{text}");
    assert!(!text.contains("otel_scope"), "{text}");
}

#[test]
fn queues_limits_and_budgets_are_exported_as_last_told() {
    let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
    let text = telemetry.render_prometheus();
    assert!(!text.contains("resilience_limit") && !text.contains("retry_budget"), "nothing was told: {text}");
    let limit = |limit| {
        let origin = Origin { pipeline: "http", strategy: "concurrency_limit", target: "a" };
        telemetry.observe(origin, &Event::LimitChanged { limit });
        telemetry.observe(origin, &Event::Dequeued { waited: Duration::from_millis(20) });
    };
    limit(50.0);
    limit(0.5);
    let (kind, delay) = (FailureKind::Transient, Duration::from_millis(50));
    tell(&telemetry, Event::Retried { attempt: 1, kind, delay, balance: Some(2.25) });
    // One that no budget pays for says nothing about it.
    tell(&telemetry, Event::Retried { attempt: 1, kind, delay, balance: None });

    let samples = parse(&telemetry.render_prometheus());
    let limit_labels = LABELS.replace("retry", "concurrency_limit");
    assert_eq!(samples[&format!("resilience_limit{{{limit_labels}}}")], "0.5");
    let queue = "resilience_queue_duration_seconds";
    assert_eq!(samples[&format!("{queue}_count{{{limit_labels}}}")], "2");
    assert_eq!(samples[&format!("{queue}_sum{{{limit_labels}}}")], "0.04");
    assert_eq!(samples[&format!("resilience_retry_budget_balance{{{LABELS}}}")], "2.25");
    tell(&telemetry, Event::BudgetExhausted { balance: 0.75 });
    let samples = parse(&telemetry.render_prometheus());
    assert_eq!(samples[&format!("resilience_retry_budget_balance{{{LABELS}}}")], "0.75");
}

#[test]
fn other_parts_export_gauges_and_counters_of_their_own() {
    let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
    let hits = Arc::new(AtomicU64::new(7));
    for pool in ["main", "replica"] {
        telemetry.gauge(
            "db.client.connection.max",
            "{connection}",
            "Size",
            &[("pool", pool.to_owned())],
            || 10.0,
        );
    }
    let read = Arc::clone(&hits);
    telemetry.counter("cache.hits", "", "Answered from the cache", &[], move || read.load(Ordering::Relaxed));
    assert_eq!(parse(&telemetry.render_prometheus())["cache_hits_total"], "7");
    hits.store(9, Ordering::Relaxed);
    let samples = parse(&telemetry.render_prometheus());
    assert_eq!(samples["cache_hits_total"], "9");
    assert_eq!(samples[r#"db_client_connection_max{pool="main"}"#], "10");
    assert_eq!(samples[r#"db_client_connection_max{pool="replica"}"#], "10");
}

#[test]
fn a_service_is_named_in_target_info() {
    let config = TelemetryConfig { service_name: Some("shop".into()), ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    tell(&telemetry, Event::Closed);
    let text = telemetry.render_prometheus();
    assert!(text.contains(r#"service_name="shop""#), "{text}");
}

#[test]
fn there_is_nothing_to_scrape_when_it_is_off_and_statistics_go_on() {
    let config = TelemetryConfig { prometheus: false, ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    tell(&telemetry, Event::Completed { outcome: Outcome::Success, elapsed: Duration::from_millis(1) });
    assert_eq!(telemetry.render_prometheus(), "");
    assert!(telemetry.meter().is_none());
    assert_eq!(telemetry.stats().targets[0].calls.success, 1);
}

#[test]
fn our_own_caps_are_the_only_ones() {
    // More than the 2000 sets of attributes after which the SDK would drop all labels.
    let config = TelemetryConfig { max_labels: 1000.try_into().unwrap(), ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    for index in 0..900 {
        let target = format!("host-{index}");
        let origin = Origin { pipeline: "http", strategy: "circuit_breaker", target: &target };
        for event in [Event::HalfOpened, Event::Closed, Event::Forced { state: "disabled" }] {
            telemetry.observe(origin, &event);
        }
    }
    let samples = parse(&telemetry.render_prometheus());
    let of = |name: &str| samples.keys().filter(|series| series.starts_with(name)).count();
    assert_eq!(of("resilience_event_total"), 2700);
    assert_eq!(of("resilience_circuit_breaker_state"), 900 * 8);
    assert!(!samples.keys().any(|series| series.contains("overflow")));
}

#[test]
fn what_clients_measure_is_a_histogram_by_the_convention_and_bounded() {
    let config = TelemetryConfig { max_series: NonZeroUsize::new(3).unwrap(), ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    let attempt = |address: &str| {
        let attributes = [
            ("http.request.method", AttributeValue::Text("GET")),
            ("server.address", AttributeValue::Text(address)),
            ("server.port", AttributeValue::Number(443)),
        ];
        let elapsed = Duration::from_millis(80);
        let metric = seawall_telemetry::names::metric::HTTP_CLIENT_REQUEST_DURATION;
        telemetry.measure(&Measurement { metric, elapsed, attributes: &attributes });
    };
    for address in ["a", "b", "a", "c", "d", "e", "d"] {
        attempt(address);
    }
    let text = telemetry.render_prometheus();
    let count = |labels: &str| {
        let line = format!("http_client_request_duration_seconds_count{{{labels}}} ");
        text.lines().find_map(|found| found.strip_prefix(&line)).map(|count| count.parse::<u64>().unwrap())
    };
    let of = |address| format!(r#"http_request_method="GET",server_address="{address}",server_port="443""#);
    assert_eq!(count(&of("a")), Some(2), "{text}");
    assert_eq!((count(&of("b")), count(&of("c"))), (Some(1), Some(1)));
    assert_eq!((count(&of("d")), count(&of("e"))), (None, None));
    assert_eq!(count(r#"otel_metric_overflow="true""#), Some(3), "{text}");
    // The boundaries are those that the convention advises.
    assert!(text.contains(r#"le="0.075"} 0"#) && text.contains(r#"le="7.5"} 2"#), "{text}");
}
