use std::task::{Context, Poll};

use seawall_core::Refusal;
use tower::Service;

use super::SharedRateLimiter;
use super::future::ResponseFuture;

/// Lets calls start at a rate that all processes share. See [`SharedRateLimitLayer`](super::SharedRateLimitLayer).
#[derive(Clone, Debug)]
pub struct SharedRateLimit<S, K> {
    inner: S,
    limiter: SharedRateLimiter,
    charge: K,
}

impl<S, K> SharedRateLimit<S, K> {
    pub(super) const fn new(inner: S, limiter: SharedRateLimiter, charge: K) -> Self {
        Self { inner, limiter, charge }
    }
}

impl<S, K, Req> Service<Req> for SharedRateLimit<S, K>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    K: Fn(&Req) -> (String, u32),
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req>;

    /// Always ready: the call waits, for its units and for the inner service.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (key, cost) = (self.charge)(&request);
        ResponseFuture::new(&self.limiter, key, cost, self.inner.clone(), request)
    }
}
