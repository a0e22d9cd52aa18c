use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use seawall_core::{CallContext, Refusal};
use tower_service::Service;

use super::future::ResponseFuture;
use crate::Identity;
use crate::clock::now;

/// Cuts attempts that take too long. See the [module](super).
#[derive(Clone, Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
    timeout: Option<Duration>,
    identity: Arc<Identity>,
}

impl<S> AttemptTimeout<S> {
    pub(crate) const fn new(inner: S, timeout: Option<Duration>, identity: Arc<Identity>) -> Self {
        Self { inner, timeout, identity }
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
        let context = CallContext::current();
        if self.timeout.is_none() && context.deadline_at().is_none() {
            return ResponseFuture::unlimited(self.inner.call(request));
        }
        let now = now();
        let context = match self.timeout {
            Some(timeout) => context.within(timeout, now),
            None => context,
        };
        match context.deadline_at() {
            None => ResponseFuture::unlimited(self.inner.call(request)),
            Some(limit) if limit <= now => {
                ResponseFuture::refused(Duration::ZERO, &self.identity, &super::WORDS)
            }
            Some(limit) => {
                let voice = (&self.identity, &super::WORDS);
                ResponseFuture::within(context, limit, now, voice, || self.inner.call(request))
            }
        }
    }
}
