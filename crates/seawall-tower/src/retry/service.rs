use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use backon::{BackoffBuilder, ExponentialBuilder};
use seawall_core::{ByKind, Classify};
use tower_service::Service;

use super::RetryPolicy;
use super::future::ResponseFuture;
use super::shared::Shared;
use crate::Replay;
use crate::clock::WayIn;

/// Makes failed calls again. See the [module](super).
#[derive(Debug)]
pub struct Retry<S, C = ByKind, B = ExponentialBuilder> {
    inner: S,
    shared: Arc<Shared<S, C, B>>,
}

impl<S, C, B: BackoffBuilder> Retry<S, C, B> {
    pub(crate) fn new(inner: S, policy: RetryPolicy<C, B>) -> Self {
        Self { inner, shared: Arc::new(Shared::new(policy.settings)) }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it. Calls made before are retried with the one that it was.
    pub fn get_mut(&mut self) -> &mut S {
        self.shared = Arc::new(Shared::new(Arc::clone(&self.shared.settings)));
        &mut self.inner
    }

    /// Takes the inner service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, C, B> Retry<S, C, B> {
    /// Goes on with a call whose first attempt began then, elsewhere, and failed with this error.
    pub(crate) fn resume<Req>(
        &mut self,
        request: Req,
        error: S::Error,
        began: Instant,
    ) -> ResponseFuture<S, Req, C, B>
    where
        S: Service<Req> + Clone,
        C: Replay<Req>,
        B: BackoffBuilder + Clone,
    {
        let way_in = WayIn::open();
        self.shared.provide(&self.inner);
        ResponseFuture::resumed(request, error, began, Arc::clone(&self.shared), way_in.place())
    }
}

impl<S: Clone, C, B> Clone for Retry<S, C, B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S, C, B, Req> Service<Req> for Retry<S, C, B>
where
    S: Service<Req> + Clone,
    C: Classify<S::Response, S::Error> + Replay<Req>,
    B: BackoffBuilder + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        self.shared.provide(&self.inner);
        // The first attempt is made by the instance that is ready, each retry by one of its own.
        ResponseFuture::new(&mut self.inner, request, Arc::clone(&self.shared), way_in.place())
    }
}
