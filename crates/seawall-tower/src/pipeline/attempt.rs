use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify, Refusal};
use tower_layer::Layer;
use tower_service::Service;

use super::optional::Optional;
use super::target::Target;
use crate::attempt_timeout::AttemptTimeout;
use crate::circuit_breaker::CircuitBreaker;
use crate::concurrency_limit::ConcurrencyLimit;
use crate::rate_limit::RateLimit;

/// Puts the part of a target's stack around services that guards each attempt: circuit breaker → concurrency limit →
/// rate limit → attempt timeout. Made by [`Pipeline::attempt_layer`](super::Pipeline::attempt_layer).
#[derive(Debug)]
pub struct AttemptLayer<C = ByKind> {
    target: Arc<Target<C>>,
}

impl<C> AttemptLayer<C> {
    pub(super) const fn new(target: Arc<Target<C>>) -> Self {
        Self { target }
    }

    /// Whether a call would be refused now because the circuit is open: for a balance, which goes elsewhere then.
    pub fn is_refusing(&self) -> bool {
        self.target.breaker.is_refusing()
    }
}

impl<C> Clone for AttemptLayer<C> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.target))
    }
}

impl<S, C: Clone> Layer<S> for AttemptLayer<C> {
    type Service = AttemptService<S, C>;

    fn layer(&self, inner: S) -> AttemptService<S, C> {
        AttemptService::new(inner, &self.target)
    }
}

/// A service inside of what guards each attempt at one target. See the [module](super).
#[derive(Clone, Debug)]
pub struct AttemptService<S, C = ByKind> {
    stack: Guarded<S, C>,
}

type Guarded<S, C> = CircuitBreaker<Limited<S, C>, C>;
type Limited<S, C> = Optional<ConcurrencyLimit<Paced<S, C>, C>>;
type Paced<S, C> = Optional<RateLimit<AttemptTimeout<S>, C>>;

impl<S, C: Clone> AttemptService<S, C> {
    pub(super) fn new(inner: S, target: &Target<C>) -> Self {
        let classifier = || target.classifier.clone();
        let attempt = target.attempt_timeout.layer(inner);
        let paced = RateLimit::new(attempt, target.limiter.clone(), classifier());
        let paced = Optional::new(paced, target.limits_rate.clone());
        let limited = ConcurrencyLimit::new(paced, target.limit.clone(), classifier());
        let limited = Optional::new(limited, target.limits_concurrency.clone());
        Self { stack: CircuitBreaker::new(limited, target.breaker.clone(), classifier()) }
    }
}

impl<S, C> AttemptService<S, C> {
    /// The service inside of the stack.
    pub const fn get_ref(&self) -> &S {
        self.stack.get_ref().get_ref().get_ref().get_ref().get_ref().get_ref()
    }

    /// The service inside of the stack, to change it.
    pub const fn get_mut(&mut self) -> &mut S {
        self.stack.get_mut().get_mut().get_mut().get_mut().get_mut().get_mut()
    }

    /// Takes the service out of the stack.
    pub fn into_inner(self) -> S {
        self.stack.into_inner().into_inner().into_inner().into_inner().into_inner().into_inner()
    }
}

impl<S, C, Req> Service<Req> for AttemptService<S, C>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = <Guarded<S, C> as Service<Req>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        self.stack.call(request)
    }
}
