use std::sync::Arc;
use std::task::{Context, Poll};

use backon::{BackoffBuilder, ExponentialBuilder};
use seawall_core::{ByKind, Classify};
use tower_service::Service;

use super::RetryPolicy;
use super::future::ResponseFuture;
use super::settings::Settings;
use crate::Replay;
use crate::clock::WayIn;

/// Makes failed calls again. See the [module](super).
#[derive(Debug)]
pub struct Retry<S, C = ByKind, B = ExponentialBuilder> {
    inner: S,
    settings: Arc<Settings<C, B>>,
}

impl<S, C, B: BackoffBuilder> Retry<S, C, B> {
    pub(crate) fn new(inner: S, policy: RetryPolicy<C, B>) -> Self {
        Self { inner, settings: policy.settings }
    }

    crate::inner::accessors!(S);
}

impl<S: Clone, C, B> Clone for Retry<S, C, B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: Arc::clone(&self.settings) }
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
        // The instance that is ready goes with the call; the one left behind is not ready yet.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::new(inner, request, Arc::clone(&self.settings), way_in.place())
    }
}
