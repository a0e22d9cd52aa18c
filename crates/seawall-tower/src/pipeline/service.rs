use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify, Refusal};
use tower_layer::Layer;
use tower_service::Service;

use super::future::ResponseFuture;
use super::target::Target;
use crate::Replay;
use crate::attempt_timeout::AttemptTimeout;
use crate::circuit_breaker::CircuitBreaker;
use crate::deadline::Deadline;
use crate::retry::Retry;

/// The stack, by its layers.
type Stack<S, C> = Deadline<Retry<CircuitBreaker<AttemptTimeout<S>, C>, C>>;

/// A service inside of the stack of one target. See the [module](super).
#[derive(Debug)]
pub struct PipelineService<S, C = ByKind> {
    stack: Stack<S, C>,
    target: Arc<Target<C>>,
}

impl<S, C: Clone> PipelineService<S, C> {
    pub(super) fn new(inner: S, target: Arc<Target<C>>) -> Self {
        let attempt = target.attempt_timeout.layer(inner);
        let breaker = CircuitBreaker::new(attempt, target.breaker().clone(), target.classifier.clone());
        let retry = Retry::new(breaker, target.retry.clone());
        let stack = target.deadline.layer(retry);
        Self { stack, target }
    }
}

impl<S, C> PipelineService<S, C> {
    /// The service inside of the stack.
    pub const fn get_ref(&self) -> &S {
        self.stack.get_ref().get_ref().get_ref().get_ref()
    }

    /// The service inside of the stack, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        self.stack.get_mut().get_mut().get_mut().get_mut()
    }

    /// Takes the service out of the stack.
    pub fn into_inner(self) -> S {
        self.stack.into_inner().into_inner().into_inner().into_inner()
    }
}

impl<S: Clone, C: Clone> Clone for PipelineService<S, C> {
    fn clone(&self) -> Self {
        Self { stack: self.stack.clone(), target: Arc::clone(&self.target) }
    }
}

impl<S, C, Req> Service<Req> for PipelineService<S, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Replay<Req> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture::new(self.stack.call(request), Arc::clone(&self.target))
    }
}
