use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify};
use tower_service::Service;

use super::FallbackAction;
use super::future::ResponseFuture;
use super::layer::Settings;

/// Answers in place of failures. See the [module](super).
#[derive(Debug)]
pub struct Fallback<S, A, C = ByKind> {
    inner: S,
    settings: Arc<Settings<A, C>>,
}

impl<S, A, C> Fallback<S, A, C> {
    pub(super) const fn new(inner: S, settings: Arc<Settings<A, C>>) -> Self {
        Self { inner, settings }
    }

    crate::inner::accessors!(S);
}

impl<S: Clone, A, C> Clone for Fallback<S, A, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.settings))
    }
}

impl<S, A, C, Req> Service<Req> for Fallback<S, A, C>
where
    S: Service<Req>,
    A: FallbackAction<Req, S::Response, S::Error>,
    C: Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, A, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let kept = self.settings.action.keep(&request);
        ResponseFuture::new(self.inner.call(request), kept, Arc::clone(&self.settings))
    }
}
