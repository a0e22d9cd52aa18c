use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tower_service::Service;

use super::DeadlineHeader;
use super::future::ResponseFuture;
use crate::clock::now;

/// Ends work when its caller has no use for it any more. See the [module](super).
#[derive(Clone, Debug)]
pub struct CallerDeadline<S> {
    inner: S,
    header: DeadlineHeader,
    longest: Duration,
}

impl<S> CallerDeadline<S> {
    pub(super) const fn new(inner: S, header: DeadlineHeader, longest: Duration) -> Self {
        Self { inner, header, longest }
    }

    crate::inner::accessors!(S);
}

impl<S, B, R> Service<Request<B>> for CallerDeadline<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let said = request.headers().get(self.header.name()).and_then(|value| self.header.read(value));
        let Some(time) = said.map(|time| time.min(self.longest)) else {
            return ResponseFuture::unlimited(self.inner.call(request));
        };
        if time.is_zero() {
            return ResponseFuture::too_late();
        }
        match now().checked_add(time) {
            Some(until) => ResponseFuture::until(until, time, || self.inner.call(request)),
            // A time beyond what the clock can hold is no deadline.
            None => ResponseFuture::unlimited(self.inner.call(request)),
        }
    }
}
