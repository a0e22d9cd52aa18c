use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify, Refusal};
use tower_layer::Layer;
use tower_service::Service;

use super::future::ResponseFuture;
use super::optional::Optional;
use super::target::Target;
use crate::Replay;
use crate::attempt_timeout::AttemptTimeout;
use crate::circuit_breaker::CircuitBreaker;
use crate::clock::WayIn;
use crate::concurrency_limit::ConcurrencyLimit;
use crate::deadline::Deadline;
use crate::rate_limit::RateLimit;
use crate::retry::Retry;

/// What stands around each attempt.
pub(super) type Guarded<S, C> = CircuitBreaker<Limited<S, C>, C>;
type Limited<S, C> = Optional<ConcurrencyLimit<Paced<S, C>, C>>;
type Paced<S, C> = Optional<RateLimit<AttemptTimeout<S>, C>>;

/// A service inside of the stack of one target. See the [module](super).
#[derive(Debug)]
pub struct PipelineService<S, C = ByKind> {
    stack: Deadline<Retry<Guarded<S, C>, C>>,
    target: Arc<Target<C>>,
}

impl<S, C: Clone> PipelineService<S, C> {
    pub(super) fn new(inner: S, target: Arc<Target<C>>) -> Self {
        let classifier = || target.classifier.clone();
        let attempt = target.attempt_timeout.layer(inner);
        let paced = RateLimit::new(attempt, target.limiter.clone(), classifier());
        let paced = Optional::new(paced, target.limits_rate.clone());
        let limited = ConcurrencyLimit::new(paced, target.limit.clone(), classifier());
        let limited = Optional::new(limited, target.limits_concurrency.clone());
        let guarded = CircuitBreaker::new(limited, target.breaker.clone(), classifier());
        let stack = target.deadline.layer(Retry::new(guarded, target.retry.clone()));
        Self { stack, target }
    }
}

impl<S, C> PipelineService<S, C> {
    /// The service inside of the stack.
    pub const fn get_ref(&self) -> &S {
        let limited = self.stack.get_ref().get_ref().get_ref();
        limited.get_ref().get_ref().get_ref().get_ref().get_ref()
    }

    /// The service inside of the stack, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        let limited = self.stack.get_mut().get_mut().get_mut();
        limited.get_mut().get_mut().get_mut().get_mut().get_mut()
    }

    /// Takes the service out of the stack.
    pub fn into_inner(self) -> S {
        let limited = self.stack.into_inner().into_inner().into_inner();
        limited.into_inner().into_inner().into_inner().into_inner().into_inner()
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
        let way_in = WayIn::open();
        ResponseFuture::new(self.stack.call(request), Arc::clone(&self.target), way_in.place())
    }
}
