use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use seawall_core::{CallContext, Error, Event, FailureKind, Idempotency};
use seawall_http::{Body, HttpBackend, HttpConfig};
use seawall_tower::{Pipeline, PipelineConfig};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{RawServer, Recorder, Then, client, closed_port, serve};

/// Answers 503 to the first `failures` requests, and counts them all.
async fn failing_first(failures: usize) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let url = serve(Router::new().route(
        "/",
        any(async move |body: String| {
            if counter.fetch_add(1, Ordering::SeqCst) < failures {
                (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")], body)
            } else {
                (StatusCode::OK, [("retry-after", "0")], body)
            }
        }),
    ))
    .await;
    (url, count)
}

#[tokio::test]
async fn a_get_is_made_again_after_a_503() {
    let (url, count) = failing_first(1).await;
    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_put_is_made_again_with_the_same_body() {
    let (url, count) = failing_first(1).await;
    let response = client().put(&url).body("content").send().await.unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "content");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_last_503_is_a_response_once_the_retries_are_spent() {
    let (url, count) = failing_first(usize::MAX).await;
    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let tried = u32::try_from(count.load(Ordering::SeqCst)).unwrap();
    assert_eq!(tried, PipelineConfig::default().retry.max_attempts.get());
}

#[tokio::test]
async fn a_post_is_sent_once() {
    let (url, count) = failing_first(usize::MAX).await;
    let response = client().post(&url).body("order").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_post_is_sent_once_when_the_connection_breaks() {
    for step in [Then::Close(""), Then::Reset("")] {
        let server = RawServer::start(&[step]).await;
        let error = client().post(server.url()).body("order").send().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient, "{error}");
        assert!(error.may_have_executed());
        assert_eq!(error.attempts(), 1);
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn a_post_that_says_it_may_be_repeated_is() {
    let http = client();
    let (url, count) = failing_first(1).await;
    let response = http.post(&url).header("Idempotency-Key", "7").send().await.unwrap();
    assert_eq!((response.status(), count.load(Ordering::SeqCst)), (StatusCode::OK, 2));

    let (url, count) = failing_first(1).await;
    let response = http.post(&url).idempotent().send().await.unwrap();
    assert_eq!((response.status(), count.load(Ordering::SeqCst)), (StatusCode::OK, 2));
}

#[tokio::test]
async fn what_the_call_context_says_overrules_the_method() {
    let (url, count) = failing_first(1).await;
    let context = CallContext::default().idempotency(Idempotency::NotIdempotent);
    let response = context.scope(client().get(&url).send()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_get_survives_a_connection_that_breaks() {
    const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";
    for step in [Then::Close(""), Then::Reset("")] {
        let server = RawServer::start(&[step, Then::Close(FINE)]).await;
        let response = client().get(server.url()).send().await.unwrap();
        assert_eq!(response.into_body().text(100).await.unwrap(), "fine");
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_post_that_never_left_is_made_again() {
    let address = closed_port().await;
    let error = client().post(format!("http://{address}")).send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(!error.may_have_executed());
    assert_eq!(error.attempts(), PipelineConfig::default().retry.max_attempts.get());
    assert!(error.to_string().contains("could not connect: Connection refused"), "{error}");
}

#[tokio::test]
async fn a_streamed_upload_is_sent_once_and_the_error_says_why() {
    let upload = || {
        let chunks = [Ok::<_, std::io::Error>(Bytes::from_static(b"chunk"))];
        Body::from_stream(stream::iter(chunks))
    };
    let server = RawServer::start(&[Then::Reset("")]).await;
    let error = client().put(server.url()).body(upload()).send().await.unwrap_err();
    assert_eq!(server.requests(), 1);
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(error.to_string().contains("the request body is a stream, which is sent only once"), "{error}");

    let (url, count) = failing_first(1).await;
    let response = client().put(&url).body(upload()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_as_long_as_the_server_asks() {
    let recorder = Arc::new(Recorder::default());
    let config = HttpConfig::default().pipeline;
    let observer = Arc::clone(&recorder);
    let pipeline = Pipeline::new("http", &config, HttpBackend, observer).unwrap();
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let server = {
        let arrivals = Arc::clone(&arrivals);
        service_fn(move |_: Request<Body>| {
            arrivals.lock().unwrap().push(Instant::now());
            let busy =
                Response::builder().status(503).header("retry-after", "4").body(Body::empty()).unwrap();
            let fine = Response::new(Body::from("fine"));
            let first = arrivals.lock().unwrap().len() == 1;
            async move { Ok::<_, Error>(if first { busy } else { fine }) }
        })
    };
    let call = pipeline.layer("http://server:80").layer(server);
    let response = call.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);

    let arrivals = arrivals.lock().unwrap();
    assert_eq!(arrivals.len(), 2);
    assert!(arrivals[1] - arrivals[0] >= Duration::from_secs(4));
    let delays: Vec<Duration> = recorder
        .events()
        .into_iter()
        .filter_map(|(_, _, event)| match event {
            Event::Retried { delay, .. } => Some(delay),
            _ => None,
        })
        .collect();
    assert_eq!(delays.len(), 1);
    assert!(delays[0] >= Duration::from_secs(4));
}
