use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use seawall_core::Error;
use seawall_tower::RateLimiterHandle;
use tower::Service;

use super::future::ResponseFuture;
use crate::Body;

/// Leaves a server alone whose answer says that the quota is spent: its rate limiter is paused until it says there is
/// more, so calls wait for that or are refused.
#[derive(Clone, Debug)]
pub(crate) struct HeedQuota<S> {
    inner: S,
    limiter: RateLimiterHandle,
    /// `None` heeds nothing.
    longest: Option<Duration>,
}

impl<S> HeedQuota<S> {
    pub(crate) const fn new(inner: S, limiter: RateLimiterHandle, longest: Option<Duration>) -> Self {
        Self { inner, limiter, longest }
    }
}

impl<S> Service<Request<Body>> for HeedQuota<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Error>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let heeded = self.longest.map(|longest| (self.limiter.clone(), longest));
        ResponseFuture::new(self.inner.call(request), heeded)
    }
}
