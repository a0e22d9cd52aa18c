use std::pin::Pin;
use std::task::{Context, Poll};

use tower_service::Service;

use super::optional::Around;
use crate::hedge::Hedge;

/// A hedge that keeps its race in a box: it is off unless asked for, and every future of a pipeline would have room for
/// it otherwise.
#[derive(Clone, Debug)]
pub struct Boxed<H>(H);

impl<H> Boxed<H> {
    pub(super) const fn new(hedge: H) -> Self {
        Self(hedge)
    }

    pub(super) const fn get_ref(&self) -> &H {
        &self.0
    }

    pub(super) const fn get_mut(&mut self) -> &mut H {
        &mut self.0
    }

    pub(super) fn into_inner(self) -> H {
        self.0
    }
}

impl<S, C> Around for Boxed<Hedge<S, C>> {
    type Inner = S;

    fn inside(&mut self) -> &mut S {
        self.0.get_mut()
    }
}

impl<H: Service<Req>, Req> Service<Req> for Boxed<H> {
    type Response = H::Response;
    type Error = H::Error;
    type Future = Pin<Box<H::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), H::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        Box::pin(self.0.call(request))
    }
}
