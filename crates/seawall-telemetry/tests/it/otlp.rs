use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use seawall_core::{Event, FailureKind, Observer, Origin, Outcome};
use seawall_telemetry::{OtlpConfig, Telemetry, TelemetryConfig, continue_trace, inject_trace};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

use crate::collector::{Collector, texts};

/// Long enough for any machine; nothing here waits for it to pass.
const DEADLINE: Duration = Duration::from_secs(30);

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn metrics_arrive_as_the_protocol_says() {
    let mut collector = Collector::start().await;
    let config = TelemetryConfig {
        service_name: Some("shop".into()),
        resource: BTreeMap::from([pair("deployment.environment.name", "test")]),
        otlp: Some(OtlpConfig {
            headers: BTreeMap::from([pair("x-api-key", "hunter2")]),
            ..collector.otlp()
        }),
        ..TelemetryConfig::default()
    };
    let telemetry = Telemetry::new(&config).unwrap();
    let origin = Origin { pipeline: "http", strategy: "retry", target: "example.com" };
    let outcome = Outcome::failure(FailureKind::Timeout);
    telemetry.observe(origin, &Event::Completed { outcome, elapsed: Duration::from_millis(250) });
    telemetry.observe(
        origin,
        &Event::Retried { attempt: 1, kind: FailureKind::Timeout, delay: Duration::ZERO, balance: None },
    );
    telemetry.observe(
        origin,
        &Event::Retried { attempt: 2, kind: FailureKind::Timeout, delay: Duration::ZERO, balance: None },
    );
    telemetry.observe(origin, &Event::LimitChanged { limit: 12.5 });
    telemetry.shutdown(DEADLINE).await.unwrap();

    let received = collector.next().await;
    assert_eq!(received.headers()["content-type"], "application/x-protobuf");
    assert_eq!(received.headers()["x-api-key"], "hunter2");
    let resource = received.resource();
    assert!(resource.contains(&pair("service.name", "shop")), "{resource:?}");
    assert!(resource.contains(&pair("deployment.environment.name", "test")), "{resource:?}");

    let metrics = received.metrics();
    let data = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap().data.clone().unwrap();
    let place = [
        pair("resilience.pipeline.name", "http"),
        pair("resilience.strategy.name", "retry"),
        pair("resilience.strategy.target", "example.com"),
    ];

    let Data::Histogram(calls) = data("resilience.pipeline.duration") else { panic!("not a histogram") };
    let [calls] = &calls.data_points[..] else { panic!("not one series: {calls:?}") };
    assert_eq!((calls.count, calls.sum), (1, Some(0.25)));
    assert_eq!(texts(&calls.attributes), [&[pair("error.type", "timeout")], &place[..]].concat());
    let unit = &metrics.iter().find(|metric| metric.name == "resilience.pipeline.duration").unwrap().unit;
    assert_eq!(unit, "s");

    let Data::Sum(events) = data("resilience.event") else { panic!("not a counter") };
    assert!(events.is_monotonic);
    let retried = [&[pair("resilience.event.name", "retried")], &place[..]].concat();
    let retried = events.data_points.iter().find(|point| texts(&point.attributes) == retried).unwrap();
    assert_eq!(retried.value, Some(number_data_point::Value::AsInt(2)));

    let Data::Gauge(limits) = data("resilience.limit") else { panic!("not a gauge") };
    let [limit] = &limits.data_points[..] else { panic!("not one series: {limits:?}") };
    assert_eq!(limit.value, Some(number_data_point::Value::AsDouble(12.5)));
    assert_eq!(texts(&limit.attributes), place);

    let (_, metrics) = telemetry.deliveries().unwrap();
    assert_eq!((metrics.delivered, metrics.failed, metrics.last_error), (1, 0, None));
}

#[tokio::test]
async fn metrics_are_sent_at_each_interval() {
    let mut collector = Collector::start().await;
    let otlp = OtlpConfig { interval: Duration::from_millis(20), ..collector.otlp() };
    let config = TelemetryConfig { otlp: Some(otlp), prometheus: false, ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    telemetry.observe(Origin { pipeline: "http", strategy: "retry", target: "a" }, &Event::Closed);
    for _ in 0..2 {
        assert!(!collector.next().await.metrics().is_empty());
    }
    telemetry.shutdown(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn spans_arrive_with_their_attributes_and_parents() {
    let mut collector = Collector::start().await;
    let telemetry = Telemetry::new(&collector.config()).unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.trace_layer());
    with_default(subscriber, || {
        let call = tracing::info_span!("call", otel.kind = "internal");
        let _call = call.enter();
        let attempt = tracing::info_span!("GET", otel.kind = "client", http.request.resend_count = 1);
        attempt.in_scope(|| tracing::info!("a log event is no part of a span"));
        tracing::debug_span!("too fine").in_scope(|| ());
        tracing::info_span!(target: "hyper::proto", "exporter").in_scope(|| ());
        tracing::info_span!(target: "opentelemetry_sdk", "exporter").in_scope(|| ());
    });
    telemetry.shutdown(DEADLINE).await.unwrap();

    let spans: Vec<_> = collector.received().iter().flat_map(crate::collector::Received::spans).collect();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET", "call"]);
    let (attempt, call) = (&spans[0], &spans[1]);
    assert_eq!(attempt.parent_span_id, call.span_id);
    assert_eq!(attempt.trace_id, call.trace_id);
    assert_eq!((attempt.kind, call.kind), (3, 1), "client and internal");
    assert!(attempt.events.is_empty());
    assert!(attempt.attributes.iter().any(|attribute| attribute.key == "http.request.resend_count"));

    let (spans, _) = telemetry.deliveries().unwrap();
    assert_eq!((spans.begun, spans.delivered, spans.failed), (2, 2, 0));
}

/// As the standard's own example has it.
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_trace_goes_on_in_the_next_service() {
    let mut collector = Collector::start().await;
    let telemetry = Telemetry::new(&collector.config()).unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.trace_layer());
    let mut sent = BTreeMap::new();
    with_default(subscriber, || {
        let span = tracing::info_span!("serve");
        assert!(continue_trace(&span, |name| (name == "traceparent").then_some(CALLER)));
        inject_trace(&span, |name, value| {
            sent.insert(name.to_owned(), value);
        });
        assert!(!continue_trace(&tracing::info_span!("no headers"), |_| None));
    });
    telemetry.shutdown(DEADLINE).await.unwrap();

    let spans: Vec<_> = collector.received().iter().flat_map(crate::collector::Received::spans).collect();
    let span = spans.iter().find(|span| span.name == "serve").unwrap();
    let number = |bytes: &[u8]| bytes.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    assert_eq!(number(&span.trace_id), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(number(&span.parent_span_id), 0xb7ad_6b71_6920_3331);
    let expected = format!("00-0af7651916cd43dd8448eb211c80319c-{:016x}-01", number(&span.span_id));
    assert_eq!(sent, BTreeMap::from([("traceparent".to_owned(), expected)]));
}

#[tokio::test]
async fn nothing_is_sent_of_traces_that_are_not_sampled() {
    let mut collector = Collector::start().await;
    let otlp = OtlpConfig { sample_ratio: 0.0, ..collector.otlp() };
    let config = TelemetryConfig { otlp: Some(otlp), ..TelemetryConfig::default() };
    let telemetry = Telemetry::new(&config).unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.trace_layer());
    with_default(subscriber, || tracing::info_span!("call").in_scope(|| ()));
    telemetry.shutdown(DEADLINE).await.unwrap();
    assert!(collector.received().iter().all(|received| received.spans().is_empty()));
    assert_eq!(telemetry.deliveries().unwrap().0.begun, 0);
}

/// A caller that was sampled, and one that was not.
const CALLERS: [(&str, bool); 2] =
    [(CALLER, true), ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false)];

#[tokio::test]
async fn a_client_is_told_whether_its_span_would_be_recorded_and_what_its_headers_are() {
    for ratio in [0.0, 1.0] {
        let mut collector = Collector::start().await;
        let otlp = OtlpConfig { sample_ratio: ratio, ..collector.otlp() };
        let config = TelemetryConfig { otlp: Some(otlp), ..TelemetryConfig::default() };
        let telemetry = Telemetry::new(&config).unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.trace_layer());
        with_default(subscriber, || {
            assert_eq!(telemetry.wants_span(), ratio > 0.0, "one that begins a trace");
            telemetry.trace_headers(&mut |name, _| panic!("{name} without a trace"));
            for (caller, sampled) in CALLERS {
                let serve = tracing::info_span!("serve");
                assert!(continue_trace(&serve, |name| (name == "traceparent").then_some(caller)));
                let _within = serve.enter();
                assert_eq!(telemetry.wants_span(), sampled, "the caller has decided");
                let mut headers = Vec::new();
                telemetry.trace_headers(&mut |name, value| headers.push((name.to_owned(), value.to_owned())));
                let [(name, value)] = &headers[..] else { panic!("{headers:?}") };
                assert_eq!(name, "traceparent");
                assert!(value.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{value}");
                assert!(value.ends_with(if sampled { "-01" } else { "-00" }), "{value}");
            }
        });
        telemetry.shutdown(DEADLINE).await.unwrap();
        drop(collector.received());
    }
    assert!(Telemetry::new(&TelemetryConfig::default()).unwrap().wants_span(), "the subscriber decides");
}

#[test]
fn there_is_no_trace_layer_without_a_collector() {
    let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
    assert!(telemetry.trace_layer::<tracing_subscriber::Registry>().is_none());
    assert_eq!(telemetry.deliveries(), None);
    inject_trace(&tracing::Span::none(), |name, _| panic!("{name} without a trace"));
}
