use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::put;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use seawall_core::FailureKind;
use seawall_http::{Body, HttpConfig};

use crate::support::{RawServer, Then, client, client_of, overtaken, serve, until};

/// Fails at first, and then says how it was sent what.
async fn flaky() -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let url = serve(Router::new().route(
        "/",
        put(async move |headers: HeaderMap, body: String| {
            if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                return (StatusCode::BAD_GATEWAY, String::new());
            }
            let length = headers.get("content-length").map_or("chunked", |length| length.to_str().unwrap());
            (StatusCode::OK, format!("{length} {body}"))
        }),
    ))
    .await;
    (url, calls)
}

fn chunks() -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    stream::iter([Ok(Bytes::from_static(b"hel")), Ok(Bytes::from_static(b"lo"))])
}

#[tokio::test]
async fn a_stream_that_can_be_made_again_is() {
    let (url, calls) = flaky().await;
    let said = client().put(&url).body(Body::from_fn(chunks)).fetch_text().await.unwrap();
    assert_eq!((said.as_str(), calls.load(Ordering::SeqCst)), ("chunked hello", 2));

    let (url, calls) = flaky().await;
    let sized = Body::from_fn(chunks).with_length(5);
    assert!(sized.is_replayable());
    let said = client().put(&url).body(sized).fetch_text().await.unwrap();
    assert_eq!((said.as_str(), calls.load(Ordering::SeqCst)), ("5 hello", 2));
}

#[tokio::test]
async fn a_stream_is_sent_once_and_the_error_says_so() {
    let server = RawServer::start(&[Then::Close("")]).await;
    let error = client().put(server.url()).body(Body::from_stream(chunks())).send().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts(), server.requests()), (FailureKind::Transient, 1, 1));
    assert!(
        error.to_string().contains("and the request body is a stream, which is sent only once"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stream_that_was_cut_by_the_attempt_timeout_says_so_too() {
    let server = RawServer::start(&[Then::Hold("")]).await;
    let mut config = HttpConfig::default();
    let hour = std::time::Duration::from_hours(1);
    (config.pipeline.deadline, config.pipeline.attempt_timeout) = (None, Some(hour));
    let request = client_of(&config).put(server.url()).body(Body::from_stream(chunks()));
    let error = overtaken(request.send(), until(|| server.requests() == 1), hour).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (FailureKind::Timeout, 1));
    assert!(
        error.to_string().contains("and the request body is a stream, which is sent only once"),
        "{error}"
    );
}

#[tokio::test]
async fn bytes_are_sent_again_up_to_the_cap() {
    let config = HttpConfig { max_replay_body: 5, ..HttpConfig::default() };
    let server = RawServer::start(&[Then::Close("")]).await;
    let error = client_of(&config).put(server.url()).body("hello").send().await.unwrap_err();
    assert_eq!((error.attempts(), server.requests()), (4, 4));
    assert!(!error.to_string().contains("only once"), "{error}");

    let server = RawServer::start(&[Then::Close("")]).await;
    let error = client_of(&config).put(server.url()).body("hello!").send().await.unwrap_err();
    assert_eq!((error.attempts(), server.requests()), (1, 1));
    let words = "and the request body of 6 bytes is sent only once, because max_replay_body is 5";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_stream_of_another_length_than_it_says_fails() {
    let (url, _) = flaky().await;
    for length in [4, 6] {
        let body = Body::from_stream(chunks()).with_length(length);
        let error = client().put(&url).body(body).send().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{length}: {error}");
        assert!(
            error.to_string().contains(&format!("than the {length} bytes that it was said to have")),
            "{error}"
        );
    }
}
