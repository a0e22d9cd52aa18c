use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use seawall_core::{ByKind, Classify, Error, FailureKind, Idempotency, Outcome};
use seawall_tower::Replay;

use crate::outgoing::Outgoing;
use crate::{Body, quota, retry_after};

/// What HTTP's answers mean to policies, and which requests may be made again. Used by every layer of
/// [`Http`](crate::Http), and by any stack of your own that speaks `http::Request<Body>`.
///
/// | response | is |
/// |---|---|
/// | 408, 429, and 503 with a [`Retry-After`](retry_after()), or a [quota](quota()) that is spent for so long | [`Overloaded`](FailureKind::Overloaded) with that |
/// | 503 without | [`Transient`](FailureKind::Transient): as often one of several servers that is not there as one with too much to do |
/// | 504 | [`Timeout`](FailureKind::Timeout): a gateway's, of the server behind it |
/// | 501, 505, 506, 507, 508, 510, 511 | [`Permanent`](FailureKind::Permanent) |
/// | every other 5xx | [`Transient`](FailureKind::Transient): a status nobody knows is a 500 (RFC 9110 §15) |
/// | all the rest, so every other 4xx | a success: the server did its work, and the caller sees what it said |
///
/// A failed response is taken to have been executed, perhaps: only idempotent requests are made again after one.
/// Those are GET, HEAD, OPTIONS, TRACE, PUT and DELETE
/// ([RFC 9110 §9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)), and any with an `Idempotency-Key`.
/// What a [`CallContext`](seawall_core::CallContext) says about it overrules both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpBackend;

impl<B> Classify<Response<B>, Error> for HttpBackend {
    fn classify(&self, result: Result<&Response<B>, &Error>) -> Outcome {
        match result {
            Ok(response) => match failure_of(response) {
                Some(kind) => Outcome::failure(kind),
                None => Outcome::Success,
            },
            Err(error) => Classify::<(), Error>::classify(&ByKind, Err(error)),
        }
    }

    fn note_attempts(&self, error: &mut Error, attempts: u32, elapsed: Duration) {
        Classify::<(), Error>::note_attempts(&ByKind, error, attempts, elapsed);
    }

    fn note_may_have_executed(&self, error: &mut Error) {
        Classify::<(), Error>::note_may_have_executed(&ByKind, error);
    }
}

impl Replay<Request<Body>> for HttpBackend {
    /// A copy of the request, unless its body is a stream: that can be sent only once.
    fn replay(&self, request: &Request<Body>) -> Option<Request<Body>> {
        let body = request.body().try_clone()?;
        let mut copy = Request::new(body);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        Some(copy)
    }

    fn idempotency(&self, request: &Request<Body>) -> Idempotency {
        idempotency(request.method(), Some(request.headers()))
    }
}

impl Replay<Outgoing> for HttpBackend {
    fn replay(&self, request: &Outgoing) -> Option<Outgoing> {
        request.try_clone()
    }

    fn idempotency(&self, request: &Outgoing) -> Idempotency {
        idempotency(&request.head.method, request.headers())
    }
}

fn idempotency(method: &Method, headers: Option<&HeaderMap>) -> Idempotency {
    const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
    if method.is_idempotent() || headers.is_some_and(|headers| headers.contains_key(IDEMPOTENCY_KEY)) {
        Idempotency::Idempotent
    } else {
        Idempotency::NotIdempotent
    }
}

/// How a response failed in the eyes of policies, if it did.
pub(crate) fn failure_of<B>(response: &Response<B>) -> Option<FailureKind> {
    let asked = || {
        let (headers, now) = (response.headers(), wall_clock());
        retry_after(headers, now).or_else(|| quota(headers, now)?.wait())
    };
    match response.status() {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Some(FailureKind::Overloaded { retry_after: asked() })
        }
        // Where a fifth of the servers are away, a fifth of the calls get one. A limit that took that for overload would
        // refuse most of the others too.
        StatusCode::SERVICE_UNAVAILABLE => Some(match asked() {
            None => FailureKind::Transient,
            retry_after => FailureKind::Overloaded { retry_after },
        }),
        StatusCode::NOT_IMPLEMENTED
        | StatusCode::HTTP_VERSION_NOT_SUPPORTED
        | StatusCode::VARIANT_ALSO_NEGOTIATES
        | StatusCode::INSUFFICIENT_STORAGE
        | StatusCode::LOOP_DETECTED
        | StatusCode::NOT_EXTENDED
        | StatusCode::NETWORK_AUTHENTICATION_REQUIRED => Some(FailureKind::Permanent),
        // It says as much of the server's load as a time-out of our own, so a retry after it is paid like one.
        StatusCode::GATEWAY_TIMEOUT => Some(FailureKind::Timeout),
        status if status.is_server_error() => Some(FailureKind::Transient),
        _ => None,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the edge: a response's date is read against the wall clock"
)]
pub(crate) fn wall_clock() -> SystemTime {
    SystemTime::now()
}
