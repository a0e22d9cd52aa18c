//! Our layers around the routes of an axum router: real requests, answered by handlers or by refusals.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{BoxError, Router};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use seawall_core::{
    CallContext, CircuitBreakerConfig, CircuitState, Error, Failure, FailureKind, Outcome, Refusal,
};
use seawall_tower::{
    CircuitBreakerHandle, CircuitBreakerLayer, Identity, LoadShedLayer, ServiceBuilderExt as _,
};
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;

const SECOND: Duration = Duration::from_secs(1);

/// What a caller gets for an error of ours.
async fn as_response(error: Error) -> Response {
    let status = match error.kind() {
        FailureKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, error.to_string()).into_response();
    if let Some(wait) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}

/// Handlers never fail: what speaks against a service is the status of its answer.
fn by_status<B>(result: Result<&http::Response<B>, &Error>) -> Outcome {
    match result {
        Ok(response) if response.status().is_server_error() => Outcome::failure(FailureKind::Transient),
        Ok(_) => Outcome::Success,
        Err(error) => {
            let (kind, may_have_executed) = (error.kind(), error.may_have_executed());
            Outcome::Failure(Failure { kind, may_have_executed })
        }
    }
}

fn never(never: Infallible) -> Error {
    match never {}
}

fn breaker() -> CircuitBreakerHandle {
    CircuitBreakerHandle::new(Identity::new("orders"), &CircuitBreakerConfig::eager()).unwrap()
}

/// Sends a GET and gives back status, `Retry-After` and body.
async fn fetch(router: &Router, path: &str) -> (StatusCode, Option<String>, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let wait = response.headers().get(header::RETRY_AFTER).map(|wait| wait.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, wait, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn routes_share_the_circuit_of_a_handle_though_axum_layers_each_on_its_own() {
    let breaker = breaker();
    let router = Router::new()
        .route("/bad", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/good", get(|| async { "fine" }))
        .layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(as_response))
                .layer(CircuitBreakerLayer::new(breaker.clone()).classifier(by_status))
                .map_err(never),
        );
    assert_eq!(fetch(&router, "/good").await.2, "fine");
    for _ in 0..5 {
        assert_eq!(fetch(&router, "/bad").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(breaker.state(), CircuitState::Open);
    let (status, wait, body) = fetch(&router, "/good").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.starts_with("circuit_breaker `orders`: "), "{body}");
    assert!(wait.unwrap().parse::<u64>().unwrap() <= 5);

    breaker.force_closed();
    assert_eq!(fetch(&router, "/good").await.2, "fine");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_cut_and_knows_until_when_it_has_time() {
    let router = Router::new()
        .route("/slow", get(|| async { tokio::time::sleep(60 * SECOND).await }))
        .route(
            "/time",
            get(|| async {
                let now = tokio::time::Instant::now().into_std();
                format!("{:?}", CallContext::current().remaining(now))
            }),
        )
        .layer(
            ServiceBuilder::new().layer(HandleErrorLayer::new(as_response)).deadline(SECOND).map_err(never),
        );
    let began = tokio::time::Instant::now();
    let (status, _, body) = fetch(&router, "/slow").await;
    assert_eq!((status, began.elapsed()), (StatusCode::GATEWAY_TIMEOUT, SECOND));
    assert_eq!(body, "deadline `default`: the call ran out of time");
    assert_eq!(fetch(&router, "/time").await.2, "Some(1s)");
}

/// Answers once the gate is open.
async fn held(State(gate): State<Arc<Semaphore>>) -> &'static str {
    let _open = gate.acquire().await.unwrap();
    "done"
}

#[tokio::test]
async fn a_router_that_is_full_sheds_at_once_and_recovers() {
    let gate = Arc::new(Semaphore::new(0));
    // Tower's limit is shared by the routes, so our layer sheds for all of them.
    let router =
        Router::new().route("/one", get(held)).route("/two", get(held)).with_state(Arc::clone(&gate)).layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(as_response))
                .layer(LoadShedLayer::new().retry_after(2 * SECOND))
                .layer(GlobalConcurrencyLimitLayer::new(1))
                .map_err(never),
        );
    let first = tokio::spawn({
        let router = router.clone();
        async move { fetch(&router, "/one").await }
    });
    tokio::task::yield_now().await;
    for path in ["/one", "/two"] {
        let (status, wait, _) = fetch(&router, path).await;
        assert_eq!((status, wait.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("2")), "{path}");
    }
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().2, "done");
    assert_eq!(fetch(&router, "/two").await.2, "done");
}

#[tokio::test]
async fn a_handler_that_panics_is_caught_within_and_counted_without() {
    async fn panics() -> &'static str {
        panic!("a defect of the handler")
    }
    let breaker = breaker();
    let router = Router::new().route("/", get(panics)).layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(as_response))
            .layer(CircuitBreakerLayer::new(breaker.clone()).classifier(by_status))
            .map_err(never)
            .layer(CatchPanicLayer::new()),
    );
    for _ in 0..5 {
        assert_eq!(fetch(&router, "/").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn boxed_errors_reach_the_handler_of_errors_with_the_refusal_within() {
    async fn by_refusal(error: BoxError) -> (StatusCode, String) {
        let refusal = error.downcast::<Refusal>().expect("ours");
        (StatusCode::GATEWAY_TIMEOUT, format!("{} refused", refusal.layer()))
    }
    let router = Router::new().route("/slow", get(|| async { tokio::time::sleep(60 * SECOND).await })).layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(by_refusal))
            .deadline(SECOND)
            .map_err(BoxError::from)
            .timeout(30 * SECOND),
    );
    let (status, _, body) = fetch(&router, "/slow").await;
    assert_eq!((status, body.as_str()), (StatusCode::GATEWAY_TIMEOUT, "deadline refused"));
}
