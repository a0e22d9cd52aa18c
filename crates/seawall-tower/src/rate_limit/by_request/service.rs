use std::task::{Context, Poll};

use seawall_core::{Classify, Refusal};
use tower_service::Service;

use super::Charge;
use super::future::ResponseFuture;

/// Lets calls start at a rate that depends on the request. See the [module](super).
#[derive(Clone, Debug)]
pub struct RequestRateLimit<S, P, C> {
    inner: S,
    charge: P,
    classifier: C,
}

impl<S, P, C> RequestRateLimit<S, P, C> {
    pub(super) const fn new(inner: S, charge: P, classifier: C) -> Self {
        Self { inner, charge, classifier }
    }

    crate::inner::accessors!(S);
}

impl<S, P, C, Req> Service<Req> for RequestRateLimit<S, P, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    P: Charge<Req>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C>;

    /// Always ready: the call waits, for its permits and for the inner service.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (limiter, permits) = self.charge.charge(&request);
        ResponseFuture::new(limiter, permits, self.inner.clone(), request, self.classifier.clone())
    }
}
