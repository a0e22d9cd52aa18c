use std::num::NonZeroU32;

use seawall_core::ByKind;
use tower_layer::Layer;

use super::by_request::{ByCost, RequestRateLimitLayer};
use super::{RateLimit, RateLimiterHandle};

/// Puts a [`RateLimit`] around services; all of them share the limiter of the handle.
#[derive(Clone, Debug)]
pub struct RateLimitLayer<C = ByKind> {
    limiter: RateLimiterHandle,
    classifier: C,
}

impl RateLimitLayer {
    /// Limits with this limiter, and takes every response for a success and every error at its word ([`ByKind`]).
    pub const fn new(limiter: RateLimiterHandle) -> Self {
        Self { limiter, classifier: ByKind }
    }
}

impl<C> RateLimitLayer<C> {
    /// Says how results are judged: one that is overloaded and says for how long pauses the limiter.
    pub fn classifier<D>(self, classifier: D) -> RateLimitLayer<D> {
        RateLimitLayer { limiter: self.limiter, classifier }
    }

    /// Says how many permits a request takes. The service then waits in the call and not in `poll_ready`, which does not
    /// know the request: see [`by_request`](super::by_request).
    pub fn cost<Req, F>(self, cost: F) -> RequestRateLimitLayer<ByCost<F>, C>
    where
        F: Fn(&Req) -> NonZeroU32,
    {
        RequestRateLimitLayer::new(ByCost::new(self.limiter, cost)).classifier(self.classifier)
    }
}

impl<S, C: Clone> Layer<S> for RateLimitLayer<C> {
    type Service = RateLimit<S, C>;

    fn layer(&self, inner: S) -> RateLimit<S, C> {
        RateLimit::new(inner, self.limiter.clone(), self.classifier.clone())
    }
}
