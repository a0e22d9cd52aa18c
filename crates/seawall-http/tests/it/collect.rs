use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use seawall_core::{CircuitBreakerConfig, CircuitState, FailureKind};
use seawall_http::{HttpConfig, ResponseExt};
use tokio::io::AsyncWriteExt;

use crate::support::{RawServer, Then, client, client_of, overtaken, serve, serve_raw, until};

const HOUR: Duration = Duration::from_hours(1);

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";
const BROKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234";
const BROKEN_CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\nZZ\r\n";

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failed_attempt_and_a_get_is_made_again() {
    let server = RawServer::start(&[
        Then::Close(BROKEN),
        Then::Reset(BROKEN),
        Then::Close(BROKEN_CHUNKS),
        Then::Close(WHOLE),
    ])
    .await;
    assert_eq!(client().get(server.url()).fetch_text().await.unwrap(), "0123456789");
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_read_once_by_a_post() {
    let server = RawServer::start(&[Then::Close(BROKEN), Then::Close(WHOLE)]).await;
    let error = client().post(server.url()).body("pay").collect().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(error.may_have_executed());
    assert_eq!(error.attempts(), 1);
    assert!(error.to_string().contains("the response body broke off"), "{error}");
    assert_eq!(server.requests(), 1);

    let server = RawServer::start(&[Then::Close(BROKEN), Then::Close(WHOLE)]).await;
    let request = client().post(server.url()).header("idempotency-key", "1").body("pay");
    assert_eq!(request.fetch_bytes().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn bodies_that_break_off_open_the_circuit() {
    let server = RawServer::start(&[Then::Close(BROKEN)]).await;
    let mut config = HttpConfig::default();
    // Open for so long that on a machine that stands still for a while it still is.
    config.pipeline.circuit_breaker = CircuitBreakerConfig {
        wait_duration_in_open: 2 * HOUR,
        max_wait_duration_in_open: 2 * HOUR,
        ..CircuitBreakerConfig::eager()
    };
    let http = client_of(&config);
    let breaker = http.breaker(&server.url()).unwrap();
    while breaker.state() == CircuitState::Closed {
        assert!(http.post(server.url()).collect().await.is_err());
    }
    assert_eq!(http.post(server.url()).collect().await.unwrap_err().layer(), "circuit_breaker");
}

#[tokio::test]
async fn a_body_that_stalls_is_cut_by_the_attempt_and_read_again() {
    let server = RawServer::start(&[Then::Hold(BROKEN), Then::Close(WHOLE)]).await;
    let mut config = HttpConfig::default();
    (config.pipeline.deadline, config.pipeline.attempt_timeout) = (None, Some(HOUR));
    let call = client_of(&config).get(server.url()).fetch_text();
    let text = overtaken(call, until(|| server.requests() == 1), HOUR).await.unwrap();
    assert_eq!((text.as_str(), server.requests()), ("0123456789", 2));
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_by_the_deadline() {
    let trickled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&trickled);
    let url = serve_raw(move |mut connection| {
        let count = Arc::clone(&count);
        async move {
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await?;
            loop {
                connection.write_all(b"x").await?;
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await;
    let mut config = HttpConfig::default();
    config.pipeline.attempt_timeout = None;
    let call = client_of(&config).get(&url).timeout(HOUR).collect();
    let error = overtaken(call, until(|| trickled.load(Ordering::SeqCst) == 10), HOUR).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
}

#[tokio::test]
async fn trailers_are_kept_whether_it_is_collected_or_streamed() {
    let url = serve_raw(async |mut connection| {
        connection
            .write_all(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
                  5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n",
            )
            .await
    })
    .await;
    let response = client().get(&url).collect().await.unwrap();
    assert_eq!(response.body().as_bytes().unwrap(), "hello");
    assert_eq!(response.body().trailers().unwrap()["x-sum"], "42");

    let streamed = client().get(&url).send().await.unwrap().into_body();
    let collected = http_body_util::BodyExt::collect(streamed).await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "42");
    assert_eq!(collected.to_bytes(), "hello");
}

#[tokio::test]
async fn a_collected_response_has_its_status_and_can_be_read_as_ever() {
    let url = serve(
        Router::new()
            .route("/", get(async || r#"["a", "b"]"#))
            .route("/gone", get(async || (StatusCode::GONE, "it was here"))),
    )
    .await;
    let http = client();
    assert_eq!(http.get(&url).fetch_json::<Vec<String>>().await.unwrap(), ["a", "b"]);
    let gone = http.get(format!("{url}/gone")).collect().await.unwrap();
    assert_eq!(gone.status(), StatusCode::GONE);
    assert_eq!(gone.body().as_bytes().unwrap(), "it was here");
    let error = gone.error_for_status().unwrap_err();
    assert_eq!(error.name(), format!("GET {url}/gone"));
    let error = http.get(format!("{url}/gone")).fetch_text().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    let error = http.get(&url).fetch_json::<u32>().await.unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("http `GET {url}/`: the body is not the expected json")),
        "{error}"
    );
}

#[tokio::test]
async fn a_collected_response_is_no_larger_than_the_request_allows() {
    let url = serve(Router::new().route("/", get(async || "x".repeat(1000)))).await;
    let error = client().get(&url).max_response_size(999).collect().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert_eq!(client().get(&url).max_response_size(1000).fetch_bytes().await.unwrap().len(), 1000);
}

#[tokio::test]
async fn it_is_collected_around_a_layer_of_the_users_own_too() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let server = RawServer::start(&[Then::Close(BROKEN), Then::Close(WHOLE)]).await;
    let http = client().layer(tower::util::MapRequestLayer::new(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        request
    }));
    assert_eq!(http.get(server.url()).fetch_text().await.unwrap(), "0123456789");
    assert_eq!((calls.load(Ordering::SeqCst), server.requests()), (1, 2));
}
