use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use seawall_core::{CallContext, FailureKind};
use seawall_http::{Body, Http};
use tokio::time::Instant;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, service_fn};
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::set_header::SetRequestHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::support::{client, serve};

/// A layer as a user would write it: it counts calls and passes them on.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

#[derive(Clone)]
struct Counted<S>(S, Count);

impl<S> Layer<S> for Count {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted(inner, self.clone())
    }
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.1.0.fetch_add(1, Ordering::SeqCst);
        self.0.call(request)
    }
}

#[tokio::test]
async fn a_layer_of_the_users_own_sees_a_call_once_however_often_it_is_tried() {
    let tried = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&tried);
    let url = serve(Router::new().route(
        "/",
        any(async move || match counter.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::BAD_GATEWAY,
            _ => StatusCode::OK,
        }),
    ))
    .await;
    let count = Count::default();
    let http = client().layer(count.clone());
    assert_eq!(http.get(&url).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(tried.load(Ordering::SeqCst), 2);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(http.targets().len(), 1, "what a client hands out is still there behind a layer");
    assert!(http.pipeline().is_some());
}

#[tokio::test]
async fn layers_of_tower_and_tower_http_fit_around() {
    let url = serve(
        Router::new()
            .route("/", any(async |headers: HeaderMap| headers["x-tenant"].to_str().unwrap().to_owned())),
    )
    .await;
    let tenant = HeaderName::from_static("x-tenant");
    let http = client()
        .layer(SetRequestHeaderLayer::overriding(tenant, HeaderValue::from_static("blue")))
        .layer(ConcurrencyLimitLayer::new(2))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(30)))
        // One that makes another type of the response's body.
        .layer(MapResponseBodyLayer::new(|body: Body| {
            let loudly = |data: Bytes| Bytes::from(data.to_ascii_uppercase());
            body.map_frame(move |frame| frame.map_data(loudly)).boxed_unsync()
        }));
    let calls =
        (0..5).map(|_| async { http.get(&url).send().await.unwrap().into_body().text(100).await.unwrap() });
    assert_eq!(futures_util::future::join_all(calls).await, ["BLUE"; 5]);
}

#[tokio::test]
async fn a_client_of_any_stack_is_a_client() {
    let http = Http::from_service(service_fn(async |request: Request<Body>| {
        Ok::<_, std::io::Error>(Response::new(format!("{} {}", request.method(), request.uri())))
    }));
    let response = http.get("https://example.com/a?b=c").send().await.unwrap();
    assert_eq!(response.into_body().text(100).await.unwrap(), "GET https://example.com/a?b=c");
    assert!(http.reqwest().is_none());
    assert!(http.targets().is_empty());
    assert!(http.breaker("https://example.com:443").is_none());
}

#[tokio::test]
async fn a_strangers_error_is_kept_as_the_source() {
    let http = Http::from_service(service_fn(async |_: Request<Body>| {
        Err::<Response<Body>, _>(std::io::Error::other("no such luck"))
    }));
    let error = http.get("https://example.com/").send().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(std::error::Error::source(&error).unwrap().is::<std::io::Error>());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cuts_a_layer_that_hangs_as_well() {
    let hanging = service_fn(async |_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, std::io::Error>>().await
    });
    let http = Http::from_service(hanging);
    let begun = Instant::now();
    let context = CallContext::default().within(Duration::from_secs(7), begun.into_std());
    let error = context.scope(http.get("https://example.com/?token=1").send()).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert_eq!(error.to_string(), "http `GET https://example.com/`: the deadline of the call passed");
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_cuts_the_body_of_any_stack_as_well() {
    let stalling = service_fn(async |_: Request<Body>| {
        let nothing = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        Ok::<_, std::io::Error>(Response::new(Body::from_stream(nothing)))
    });
    let begun = Instant::now();
    let request = Http::from_service(stalling).get("https://example.com/?token=1");
    let response = request.timeout(Duration::from_secs(7)).send().await.unwrap();
    let error = response.into_body().collect(100).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "http `GET https://example.com/`: the deadline passed while the response body was read"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
}
