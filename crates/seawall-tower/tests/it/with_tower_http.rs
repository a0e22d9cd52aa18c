//! Our layers between those of tower-http, and our policy in tower's own retry, over HTTP's types.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use seawall_core::{
    CircuitBreakerConfig, Classify, Error, Event, Failure, FailureKind, Idempotency, Jitter, Outcome,
};
use seawall_tower::{
    CircuitBreakerHandle, CircuitBreakerLayer, Identity, Replay, RetryConfig, RetryPolicy,
    ServiceBuilderExt as _, fallback,
};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::set_header::{SetRequestHeaderLayer, SetResponseHeaderLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::recorder::Recorder;

const SECOND: Duration = Duration::from_secs(1);
const ATTEMPT: HeaderName = HeaderName::from_static("x-attempt");

/// As a client's classifier: by status, and idempotent by method.
#[derive(Clone)]
struct ByStatus;

impl<B> Classify<Response<B>, Error> for ByStatus {
    fn classify(&self, result: Result<&Response<B>, &Error>) -> Outcome {
        match result {
            Ok(response) => match response.status() {
                StatusCode::SERVICE_UNAVAILABLE => {
                    Outcome::failure(FailureKind::Overloaded { retry_after: None })
                }
                StatusCode::REQUEST_TIMEOUT => Outcome::failure(FailureKind::Timeout),
                status if status.is_server_error() => Outcome::failure(FailureKind::Transient),
                _ => Outcome::Success,
            },
            Err(error) => {
                let (kind, may_have_executed) = (error.kind(), error.may_have_executed());
                Outcome::Failure(Failure { kind, may_have_executed })
            }
        }
    }
}

impl Replay<Request<String>> for ByStatus {
    fn replay(&self, request: &Request<String>) -> Option<Request<String>> {
        Some(request.clone())
    }

    fn idempotency(&self, request: &Request<String>) -> Idempotency {
        if request.method().is_idempotent() { Idempotency::Idempotent } else { Idempotency::NotIdempotent }
    }
}

/// Answers each call with the next status, and with the attempt that it was told; an answer of 200 is an echo.
#[derive(Clone)]
struct Backend {
    script: Arc<[StatusCode]>,
    calls: Arc<AtomicU32>,
}

impl Backend {
    fn new(script: impl IntoIterator<Item = StatusCode>) -> Self {
        Self { script: script.into_iter().collect(), calls: Arc::default() }
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    fn service(
        &self,
    ) -> impl Service<Request<String>, Response = Response<String>, Error = Error, Future: Send>
    + Clone
    + Send
    + Sync
    + use<> {
        let Self { script, calls } = self.clone();
        tower::service_fn(move |request: Request<String>| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            let status = script.get(call as usize).copied().unwrap_or(StatusCode::OK);
            async move {
                if status == StatusCode::CONTINUE {
                    std::future::pending::<()>().await;
                }
                let attempt = request.headers().get(ATTEMPT).cloned();
                let mut response = Response::new(request.into_body());
                *response.status_mut() = status;
                response.headers_mut().extend(attempt.map(|attempt| (ATTEMPT, attempt)));
                Ok(response)
            }
        })
    }
}

fn request(method: Method) -> Request<String> {
    Request::builder().method(method).uri("https://example.com/").body("hello".to_owned()).unwrap()
}

fn policy() -> RetryPolicy<ByStatus> {
    let max_attempts = NonZeroU32::new(3).unwrap();
    RetryPolicy::new(&RetryConfig { max_attempts, jitter: Jitter::None, ..RetryConfig::default() })
        .unwrap()
        .classifier(ByStatus)
}

type Boxed = BoxCloneSyncService<Request<String>, Response<String>, Error>;

/// The number of the attempt, as the innermost layer sees it.
#[expect(clippy::unnecessary_wraps, reason = "tower-http asks for a value that may be missing")]
fn attempt<B>(_: &Request<B>) -> Option<HeaderValue> {
    Some(seawall_core::CallContext::current().attempt_number().into())
}

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
/// Never answers.
const HANGS: StatusCode = StatusCode::CONTINUE;

#[tokio::test(start_paused = true)]
async fn tower_http_stands_outside_of_ours_and_inside() {
    let backend = Backend::new([UNAVAILABLE, UNAVAILABLE]);
    let recorder = Arc::<Recorder>::default();
    let breaker = CircuitBreakerHandle::new(recorder.identity(), &CircuitBreakerConfig::eager()).unwrap();
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static("x-served-by"),
            HeaderValue::from_static("seawall"),
        ))
        .deadline(30 * SECOND)
        .retry_with(policy().identity(recorder.identity()))
        .layer(CircuitBreakerLayer::new(breaker).classifier(ByStatus))
        .attempt_timeout(10 * SECOND)
        .layer(SetRequestHeaderLayer::overriding(ATTEMPT, attempt))
        .service(backend.service());
    let response = service.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!((response.status(), backend.calls()), (StatusCode::OK, 3));
    assert_eq!(response.headers()["x-served-by"], "seawall");
    assert_eq!(response.headers()[ATTEMPT], "3", "a layer within sees which attempt it serves");
    let retried = recorder.of("retry");
    assert_eq!(retried.iter().filter(|event| matches!(event, Event::Retried { .. })).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_of_tower_http_is_a_response_that_ours_repeat_if_it_does_no_harm() {
    for (method, calls, status) in
        [(Method::GET, 2, StatusCode::OK), (Method::POST, 1, StatusCode::REQUEST_TIMEOUT)]
    {
        let backend = Backend::new([HANGS]);
        let service = ServiceBuilder::new()
            .retry_with(policy())
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, SECOND))
            .service(backend.service());
        let response = service.oneshot(request(method.clone())).await.unwrap();
        assert_eq!((response.status(), backend.calls()), (status, calls), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_policy_does_the_same_in_towers_retry_between_layers_of_tower_http() {
    for (script, calls, status) in [
        (vec![UNAVAILABLE, UNAVAILABLE], 3, StatusCode::OK),
        (vec![UNAVAILABLE; 5], 3, UNAVAILABLE),
        (vec![StatusCode::NOT_FOUND], 1, StatusCode::NOT_FOUND),
    ] {
        let backends = [Backend::new(script.clone()), Backend::new(script)];
        let towers: Boxed = BoxCloneSyncService::new(
            ServiceBuilder::new()
                .retry(policy())
                .layer(SetRequestHeaderLayer::overriding(ATTEMPT, attempt))
                .service(backends[0].service()),
        );
        let ours: Boxed = BoxCloneSyncService::new(
            ServiceBuilder::new()
                .retry_with(policy())
                .layer(SetRequestHeaderLayer::overriding(ATTEMPT, attempt))
                .service(backends[1].service()),
        );
        for (service, backend) in [towers, ours].into_iter().zip(&backends) {
            let began = tokio::time::Instant::now();
            let response = service.oneshot(request(Method::GET)).await.unwrap();
            assert_eq!((response.status(), backend.calls()), (status, calls));
            // Waits of 50 and 100 ms, each up to the next millisecond of tokio's timer.
            let waited = [0, 0, 50, 150][calls as usize];
            assert!((waited..=waited + 2).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_answers_over_http_when_the_circuit_is_open() {
    let backend = Backend::new(vec![StatusCode::INTERNAL_SERVER_ERROR; 5]);
    let breaker =
        CircuitBreakerHandle::new(Identity::new("example.com"), &CircuitBreakerConfig::eager()).unwrap();
    let stale = fallback::function(|failed: Result<Response<String>, Error>| match failed {
        Err(refused) if refused.kind() == FailureKind::Refused => Ok(Response::new("an old copy".to_owned())),
        failed => failed,
    });
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .fallback(stale)
        .layer(CircuitBreakerLayer::new(breaker).classifier(ByStatus))
        .service(backend.service());
    for _ in 0..5 {
        let response = service.clone().oneshot(request(Method::GET)).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    let response = service.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(backend.calls(), 5);
}
