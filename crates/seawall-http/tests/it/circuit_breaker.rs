use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use seawall_core::{CircuitBreakerConfig, CircuitState, Event, FailureKind};
use seawall_http::{Http, HttpConfig};

use crate::support::{Recorder, client, client_of, serve};

async fn server_that_says(status: StatusCode) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let url = serve(Router::new().route(
        "/",
        any(async move || {
            counter.fetch_add(1, Ordering::SeqCst);
            status
        }),
    ))
    .await;
    (url, count)
}

/// On a machine that stands still for a while, the window does not move on and the circuit stays open.
fn open_for_hours(circuit_breaker: &mut CircuitBreakerConfig) {
    circuit_breaker.time_window = None;
    circuit_breaker.count_window = Some(circuit_breaker.minimum_number_of_calls);
    circuit_breaker.wait_duration_in_open = Duration::from_hours(2);
    circuit_breaker.max_wait_duration_in_open = Duration::from_hours(2);
}

#[tokio::test]
async fn a_failing_authority_is_cut_off_and_another_is_not() {
    let (bad, bad_count) = server_that_says(StatusCode::INTERNAL_SERVER_ERROR).await;
    let (good, _) = server_that_says(StatusCode::OK).await;
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder);
    let mut config = HttpConfig::default();
    open_for_hours(&mut config.pipeline.circuit_breaker);
    let limit = config.pipeline.circuit_breaker.minimum_number_of_calls.get();
    let http = Http::new(&config, observer).unwrap();

    // Posts, so that each call is one attempt.
    for _ in 0..limit {
        let response = http.post(&bad).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    let error = http.post(&bad).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert_eq!((error.layer(), error.name()), ("circuit_breaker", bad.as_str()));
    assert!(!error.may_have_executed());
    assert_eq!(bad_count.load(Ordering::SeqCst), limit as usize);

    assert_eq!(http.post(&good).send().await.unwrap().status(), StatusCode::OK);

    let mut states: Vec<_> =
        http.targets().into_iter().map(|status| (status.target, status.circuit)).collect();
    states.sort_by_key(|(target, _)| *target == good);
    assert_eq!(states, [(bad.clone(), CircuitState::Open), (good, CircuitState::Closed)]);
    let opened: Vec<_> =
        recorder.events().into_iter().filter(|(_, _, event)| matches!(event, Event::Opened { .. })).collect();
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].1, bad);
}

#[tokio::test]
async fn a_client_error_never_opens_the_circuit() {
    let (url, count) = server_that_says(StatusCode::NOT_FOUND).await;
    let http = client();
    for _ in 0..30 {
        assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(count.load(Ordering::SeqCst), 30);
    assert_eq!(http.targets()[0].circuit, CircuitState::Closed);
}

#[tokio::test]
async fn a_target_is_an_authority_whatever_the_path_and_the_spelling() {
    let (url, _) = server_that_says(StatusCode::OK).await;
    let http = client();
    let port = url.rsplit(':').next().unwrap();
    for spelling in [format!("{url}/"), format!("HTTP://user@127.0.0.1:{port}/?a=b")] {
        assert_eq!(http.get(spelling).send().await.unwrap().status(), StatusCode::OK);
    }
    let targets: Vec<_> = http.targets().into_iter().map(|status| status.target).collect();
    assert_eq!(targets, [url]);
}

#[tokio::test]
async fn an_operator_can_cut_an_authority_off() {
    let (url, count) = server_that_says(StatusCode::OK).await;
    let http = client();
    http.breaker(&url).unwrap().force_open();
    assert_eq!(http.get(&url).send().await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    http.breaker(&url).unwrap().auto();
    assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_for_ever_is_asked_again_all_the_same() {
    let url = serve(Router::new().route(
        "/",
        any(async || (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "99999999999999999999")])),
    ))
    .await;
    let mut config = HttpConfig::default();
    config.pipeline.circuit_breaker = CircuitBreakerConfig::eager();
    open_for_hours(&mut config.pipeline.circuit_breaker);
    let http = client_of(&config);
    let refused = loop {
        // Not repeated, because the wait would outlast the deadline; the answer is handed out as it is.
        match http.get(&url).send().await {
            Ok(response) => assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), FailureKind::Refused);
    let longest = config.pipeline.circuit_breaker.max_wait_duration_in_open;
    assert!(refused.retry_after().unwrap() <= longest);
}
