use std::task::{Context, Poll};

use seawall_core::Refusal;
use tower::Service;

use super::Gate;
use super::answer::Answer;
use super::future::ResponseFuture;

/// A service behind a [`Gate`].
#[derive(Clone, Debug)]
pub(crate) struct Gated<S> {
    inner: S,
    gate: Gate,
    client: &'static str,
}

impl<S> Gated<S> {
    pub(super) fn new(inner: S, gate: Gate, client: &'static str) -> Self {
        Self { inner, gate, client }
    }
}

impl<S, Request> Service<Request> for Gated<S>
where
    S: Service<Request, Response: Answer, Error: From<Refusal>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.gate.enter(self.client) {
            Ok(place) => ResponseFuture::inside(self.inner.call(request), place),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}
