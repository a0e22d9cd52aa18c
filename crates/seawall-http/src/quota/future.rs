use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use seawall_core::Error;
use seawall_tower::RateLimiterHandle;

use super::quota;
use crate::{Body, backend, retry_after};

pin_project! {
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        heeded: Option<(RateLimiterHandle, Duration)>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, heeded: Option<(RateLimiterHandle, Duration)>) -> Self {
        Self { inner, heeded }
    }
}

impl<F: Future<Output = Result<Response<Body>, Error>>> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        if let (Some((limiter, longest)), Ok(response)) = (this.heeded, &answer)
            && let Some(wait) = asked_for(response)
        {
            limiter.pause(wait.min(*longest));
        }
        Poll::Ready(answer)
    }
}

/// For how long a response asks this client to ask for nothing at all. A 503 does not: of several servers behind one
/// address, one may be away.
fn asked_for(response: &Response<Body>) -> Option<Duration> {
    let headers = response.headers();
    let is_too_many = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let now = backend::wall_clock;
    let said = if is_too_many { retry_after::retry_after(headers, now()) } else { None };
    said.or_else(|| quota(headers, now())?.wait())
}
