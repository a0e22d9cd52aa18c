use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::Refusal;
use tokio::task::coop;
use tower_service::Service;

use super::future::ResponseFuture;
use super::layer::Settings;

/// Refuses calls that would have to wait. See the [module](super).
#[derive(Debug)]
pub struct LoadShed<S> {
    inner: S,
    settings: Arc<Settings>,
    inner_is_ready: bool,
}

impl<S> LoadShed<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings, inner_is_ready: false }
    }

    crate::inner::accessors!(S);
}

// By hand, because a clone found nothing ready.
impl<S: Clone> Clone for LoadShed<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.settings))
    }
}

impl<S, Req> Service<Req> for LoadShed<S>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let mut ready = self.inner.poll_ready(cx);
        if ready.is_pending() && !coop::has_budget_remaining() {
            // It may only be pending so that this task yields.
            ready = pin!(coop::unconstrained(poll_fn(|cx| self.inner.poll_ready(cx)))).poll(cx);
        }
        self.inner_is_ready = matches!(ready, Poll::Ready(Ok(())));
        match ready {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if std::mem::take(&mut self.inner_is_ready) {
            return ResponseFuture::calling(self.inner.call(request));
        }
        // Leaves the queue that `poll_ready` joined: a place given to a service that is idle is lost to all others.
        self.inner = self.inner.clone();
        ResponseFuture::refused(self.settings.refuse())
    }
}
