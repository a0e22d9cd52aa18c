use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use seawall_core::{Event, Observer, Origin};
use seawall_telemetry::{OtlpConfig, Telemetry, TelemetryConfig, Unflushed};
use tokio::runtime::{Builder, Runtime};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt;

/// Below the 5 s that the SDK blocks whatever it is told, and far above the deadline that is tested.
const PATIENCE: Duration = Duration::from_millis(4500);
const DEADLINE: Duration = Duration::from_millis(200);

/// Accepts connections (the kernel does) and never answers.
fn black_hole() -> (TcpListener, TelemetryConfig) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(listener.local_addr().unwrap().port());
    (listener, config)
}

fn config(port: u16) -> TelemetryConfig {
    let endpoint = format!("http://127.0.0.1:{port}");
    let otlp = OtlpConfig { endpoint, timeout: Duration::from_mins(1), ..OtlpConfig::default() };
    TelemetryConfig { otlp: Some(otlp), ..TelemetryConfig::default() }
}

fn work(telemetry: &Telemetry) {
    telemetry.observe(Origin { pipeline: "http", strategy: "retry", target: "a" }, &Event::Closed);
    let subscriber = tracing_subscriber::registry().with(telemetry.trace_layer());
    with_default(subscriber, || {
        for _ in 0..3 {
            tracing::info_span!("call").in_scope(|| ());
        }
    });
}

/// Runs `test` to its end, its runtime and the telemetry included, or fails after [`PATIENCE`].
fn in_time<T: Send + 'static>(runtime: Runtime, test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let result = runtime.block_on(test());
        drop(runtime);
        sender.send(result)
    });
    receiver.recv_timeout(PATIENCE).expect("it should have ended long before")
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn one_worker() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_collector_that_never_answers_delays_nobody_and_is_named() {
    for runtime in [one_thread(), one_worker()] {
        let (listener, config) = black_hole();
        let lost = in_time(runtime, async move || {
            let telemetry = Telemetry::new(&config).unwrap();
            work(&telemetry);
            telemetry.shutdown(DEADLINE).await
        });
        assert_eq!(lost, Err(Unflushed { spans: 3, metrics: true, last_error: None }));
        assert_eq!(
            lost.unwrap_err().to_string(),
            "telemetry lost 3 spans and the last metrics: the collector did not answer in time"
        );
        drop(listener);
    }
}

#[test]
fn the_runtime_goes_on_while_a_shutdown_waits() {
    let (_listener, config) = black_hole();
    let ticks = in_time(one_thread(), async move || {
        let telemetry = Telemetry::new(&config).unwrap();
        work(&telemetry);
        let mut ticks = 0;
        let shutdown = telemetry.shutdown(DEADLINE);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                result = &mut shutdown => {
                    result.unwrap_err();
                    return ticks;
                }
                () = tokio::task::yield_now() => ticks += 1,
            }
        }
    });
    assert!(ticks > 1, "the one thread was blocked");
}

#[test]
fn dropping_telemetry_without_a_shutdown_blocks_nobody() {
    let (_listener, config) = black_hole();
    in_time(one_thread(), async move || {
        let telemetry = Telemetry::new(&config).unwrap();
        work(&telemetry);
        drop(telemetry);
    });
}

#[tokio::test]
async fn a_dead_collector_is_named_with_its_error() {
    // Bound and dropped, so nothing listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let telemetry = Telemetry::new(&config(port)).unwrap();
    work(&telemetry);
    let lost = telemetry.shutdown(Duration::from_mins(1)).await.unwrap_err();
    assert_eq!((lost.spans, lost.metrics), (3, true));
    assert!(lost.last_error.is_some());
    let (spans, metrics) = telemetry.deliveries().unwrap();
    assert_eq!((spans.delivered, spans.failed, metrics.failed), (0, 3, 1));
}

#[tokio::test]
async fn statistics_and_a_second_shutdown_still_work() {
    let collector = crate::collector::Collector::start().await;
    let telemetry = Telemetry::new(&collector.config()).unwrap();
    work(&telemetry);
    telemetry.shutdown(Duration::from_mins(1)).await.unwrap();
    telemetry.shutdown(Duration::from_mins(1)).await.unwrap();
    telemetry.observe(Origin { pipeline: "http", strategy: "retry", target: "b" }, &Event::Closed);
    assert_eq!(telemetry.stats().targets.len(), 2);
}

#[tokio::test]
async fn without_otlp_there_is_nothing_to_wait_for() {
    let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
    work(&telemetry);
    telemetry.shutdown(Duration::ZERO).await.unwrap();
    assert!(telemetry.render_prometheus().contains("resilience_event_total"), "it may still be scraped");
}
