use seawall_core::ByKind;
use tower_layer::Layer;

use super::RequestRateLimit;

/// Puts a [`RequestRateLimit`] around services; all of them charge the same limiters.
#[derive(Clone, Debug)]
pub struct RequestRateLimitLayer<P, C = ByKind> {
    charge: P,
    classifier: C,
}

impl<P> RequestRateLimitLayer<P> {
    /// Charges requests as `charge` says, and takes every response for a success and every error at its word
    /// ([`ByKind`]).
    pub const fn new(charge: P) -> Self {
        Self { charge, classifier: ByKind }
    }
}

impl<P, C> RequestRateLimitLayer<P, C> {
    /// Says how results are judged: one that is overloaded and says for how long pauses the limiter that its request
    /// was charged to.
    pub fn classifier<D>(self, classifier: D) -> RequestRateLimitLayer<P, D> {
        RequestRateLimitLayer { charge: self.charge, classifier }
    }
}

impl<S, P: Clone, C: Clone> Layer<S> for RequestRateLimitLayer<P, C> {
    type Service = RequestRateLimit<S, P, C>;

    fn layer(&self, inner: S) -> RequestRateLimit<S, P, C> {
        RequestRateLimit::new(inner, self.charge.clone(), self.classifier.clone())
    }
}
