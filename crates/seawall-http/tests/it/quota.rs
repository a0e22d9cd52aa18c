//! A server that says that nothing is left of a quota is left alone.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderName, StatusCode};
use seawall_core::{Event, FailureKind};
use seawall_http::{Http, HttpConfig};
use tokio::time::Instant;

use crate::support::{Recorder, client, client_of, serve};

/// Answers with this, always, and counts.
async fn server(status: StatusCode, headers: &[(&'static str, &'static str)]) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), *value)).collect();
    let handler = async move || {
        counter.fetch_add(1, Ordering::SeqCst);
        (status, axum::response::AppendHeaders(headers), "")
    };
    (serve(Router::new().route("/", get(handler))).await, count)
}

#[tokio::test]
async fn a_server_whose_quota_is_spent_is_not_called_until_it_says_there_is_more() {
    let spellings: [&[(&str, &str)]; 3] = [
        &[("ratelimit", r#""default";r=0;t=40"#)],
        &[("ratelimit-remaining", "0"), ("ratelimit-reset", "40")],
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "40")],
    ];
    for headers in spellings {
        let (url, count) = server(StatusCode::OK, headers).await;
        let http = client();
        assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::OK, "the last of the quota");
        let error = http.get(&url).send().await.unwrap_err();
        assert_eq!((error.kind(), error.layer()), (FailureKind::Refused, "rate_limit"), "{error}");
        assert!(!error.may_have_executed());
        // 40 s from the answer, and the deadline is before that.
        let wait = error.retry_after().unwrap();
        assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(40), "{wait:?}");
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn calls_whose_time_allows_it_wait_for_more() {
    let (url, count) =
        server(StatusCode::OK, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")]).await;
    let http = client();
    let began = Instant::now();
    http.get(&url).send().await.unwrap();
    http.get(&url).send().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_authority_is_called_all_the_same() {
    let (spent, _) = server(StatusCode::OK, &[("ratelimit", r#""default";r=0;t=40"#)]).await;
    let (other, _) = server(StatusCode::OK, &[("ratelimit", r#""default";r=1;t=40"#)]).await;
    let http = client();
    http.get(&spent).send().await.unwrap();
    for _ in 0..3 {
        http.get(&other).send().await.unwrap();
    }
}

#[tokio::test]
async fn too_many_requests_hold_back_the_calls_of_everybody() {
    let (url, count) = server(StatusCode::TOO_MANY_REQUESTS, &[("retry-after", "40")]).await;
    let http = client();
    assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(http.get(&url).send().await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_retry_waits_for_the_quota() {
    let (url, count) =
        server(StatusCode::TOO_MANY_REQUESTS, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")])
            .await;
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder);
    let mut config = HttpConfig::default();
    config.pipeline.retry.max_attempts = NonZeroU32::new(2).unwrap();
    let http = Http::new(&config, observer).unwrap();
    let answer = http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let delays: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|(.., event)| match event {
            Event::Retried { delay, .. } => Some(delay),
            _ => None,
        })
        .collect();
    assert!(delays.len() == 1 && delays[0] >= Duration::from_secs(1), "{delays:?}");
}

#[tokio::test]
async fn a_server_that_asks_for_too_long_is_heeded_for_as_long_as_configured() {
    let (url, count) = server(StatusCode::OK, &[("ratelimit", r#""default";r=0;t=999999999999999"#)]).await;
    let pause = Some(Duration::from_millis(300));
    let http = client_of(&HttpConfig { quota_pause: pause, ..HttpConfig::default() });
    for _ in 0..3 {
        http.get(&url).send().await.unwrap();
    }
    let off = client_of(&HttpConfig { quota_pause: None, ..HttpConfig::default() });
    for _ in 0..3 {
        off.get(&url).send().await.unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 6);

    let http = client();
    http.get(&url).send().await.unwrap();
    let error = http.get(&url).send().await.unwrap_err();
    assert!(error.retry_after().unwrap() <= Duration::from_mins(5), "{error}");
}
