//! The time that a call has left, told to the server and heeded there.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use http::{HeaderMap, StatusCode};
use seawall_core::{CallContext, FailureKind};
use seawall_http::{Http, HttpConfig};
use seawall_tower::{CallerDeadlineLayer, DeadlineHeader};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::{client, client_of, overtaken, serve};

/// Answers with the deadline header of this name that it got, or `none`.
async fn echo(name: &'static str) -> String {
    let said = async move |headers: HeaderMap| match headers.get(name) {
        Some(value) => value.to_str().unwrap().to_owned(),
        None => "none".to_owned(),
    };
    serve(Router::new().route("/", get(said))).await
}

async fn told(http: &Http, url: &str) -> String {
    http.get(url).send().await.unwrap().into_body().text(1024).await.unwrap()
}

fn milliseconds(said: &str, unit: &str) -> u64 {
    said.strip_suffix(unit).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_server_is_told_how_much_time_the_attempt_has() {
    let url = echo("grpc-timeout").await;
    let mut config = HttpConfig::default();
    config.pipeline.attempt_timeout = Some(Duration::from_secs(100));
    config.pipeline.deadline = Some(Duration::from_secs(1000));
    let http = client_of(&config);
    let of_attempt = milliseconds(&told(&http, &url).await, "m");
    assert!(of_attempt <= 99_950, "{of_attempt} of 100000 less a margin");

    let hasty = CallContext::default().within(Duration::from_secs(50), Instant::now().into_std());
    let of_call = milliseconds(&hasty.scope(told(&http, &url)).await, "m");
    assert!(of_call <= 49_950, "{of_call} of 50000 less a margin");
}

#[tokio::test]
async fn the_header_is_another_or_none_as_configured_and_the_callers_own_goes_first() {
    let header = Some(DeadlineHeader::EnvoyExpectedTimeout);
    let envoy = client_of(&HttpConfig { deadline_header: header, ..HttpConfig::default() });
    let url = echo("x-envoy-expected-rq-timeout-ms").await;
    assert!(milliseconds(&told(&envoy, &url).await, "") <= 7950);
    assert_eq!(told(&client(), &url).await, "none");

    let url = echo("grpc-timeout").await;
    let silent = client_of(&HttpConfig { deadline_header: None, ..HttpConfig::default() });
    assert_eq!(told(&silent, &url).await, "none");
    let mut endless = HttpConfig::default();
    (endless.pipeline.deadline, endless.pipeline.attempt_timeout) = (None, None);
    assert_eq!(told(&client_of(&endless), &url).await, "none", "there is no deadline to tell");

    let own = client().get(&url).header("grpc-timeout", "5S").send().await.unwrap();
    assert_eq!(own.into_body().text(1024).await.unwrap(), "5S");
}

#[tokio::test]
async fn each_attempt_is_told_its_own_time() {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let handler = async move |headers: HeaderMap| {
        let mut times = seen.lock().unwrap();
        times.push(milliseconds(headers["grpc-timeout"].to_str().unwrap(), "m"));
        let retry_after = [("retry-after-ms", "300")];
        let status = if times.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        (status, retry_after)
    };
    let url = serve(Router::new().route("/", get(handler))).await;
    let mut config = HttpConfig::default();
    config.pipeline.attempt_timeout = None;
    let context = CallContext::default().within(Duration::from_secs(100), Instant::now().into_std());
    let answer = context.scope(client_of(&config).get(&url).send()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let times = times.lock().unwrap();
    assert!(times[1] <= times[0] - 300, "{times:?}");
}

/// Releases a permit when it is dropped.
struct Gone(Arc<Semaphore>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// A server of ours that never answers, and says when a handler began and when it was dropped.
async fn server_that_hangs(layered: bool) -> (String, Arc<Semaphore>, Arc<Semaphore>) {
    let (begun, gone) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, goes) = (Arc::clone(&begun), Arc::clone(&gone));
    let handler = async move || {
        let _gone = Gone(goes);
        assert_eq!(CallContext::current_deadline().is_some(), layered);
        begins.add_permits(1);
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", any(handler));
    let router = if layered { router.layer(CallerDeadlineLayer::new()) } else { router };
    (serve(router).await, begun, gone)
}

#[tokio::test]
async fn the_servers_work_ends_with_its_callers_time() {
    let (url, begun, gone) = server_that_hangs(true).await;
    let mut config = HttpConfig::default();
    config.pipeline.attempt_timeout = None;
    let http = client_of(&config);
    // A post, so that there is one attempt.
    let hour = Duration::from_hours(1);
    let call = CallContext::default().within(hour, Instant::now().into_std()).scope(http.post(&url).send());
    let answer = overtaken(call, begun.acquire(), hour).await;
    // The margin lets the server be first, but here both times have passed at once.
    match answer {
        Ok(response) => assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT),
        Err(error) => assert_eq!(error.kind(), FailureKind::Timeout),
    }
    gone.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn the_servers_work_ends_when_its_caller_gives_up() {
    for layered in [true, false] {
        let (url, begun, gone) = server_that_hangs(layered).await;
        let call = tokio::spawn(client().get(&url).send());
        begun.acquire().await.unwrap().forget();
        assert_eq!(gone.available_permits(), 0);
        call.abort();
        gone.acquire().await.unwrap().forget();
    }
}
