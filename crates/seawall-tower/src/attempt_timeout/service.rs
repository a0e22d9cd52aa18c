use std::task::{Context, Poll};
use std::time::Duration;

use seawall_core::Refusal;
use tower_service::Service;

use super::future::ResponseFuture;
use crate::clock::{WayIn, now};
use crate::time_limit::TimeLimitHandle;

/// Cuts attempts that take too long. See the [module](super).
#[derive(Clone, Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
    limit: TimeLimitHandle,
}

impl<S> AttemptTimeout<S> {
    pub(crate) const fn new(inner: S, limit: TimeLimitHandle) -> Self {
        Self { inner, limit }
    }

    crate::inner::accessors!(S);
}

impl<S, Req> Service<Req> for AttemptTimeout<S>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        let Some(until) = self.limit.until(now) else {
            return ResponseFuture::unlimited(&way_in, self.inner.call(request));
        };
        let now = now();
        if until <= now {
            return ResponseFuture::refused(&way_in, &self.limit, Duration::ZERO);
        }
        ResponseFuture::within(&way_in, &self.limit, now, until, None, || self.inner.call(request))
    }
}
