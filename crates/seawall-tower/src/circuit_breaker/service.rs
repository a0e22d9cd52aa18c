use std::task::{Context, Poll, ready};

use seawall_core::{Classify, Refusal, Refused};
use tower_service::Service;

use super::CircuitBreakerHandle;
use super::future::ResponseFuture;
use super::ticket::Ticket;
use crate::clock::now;

/// Refuses calls to a backend that does not work. See the [module](super).
#[derive(Debug)]
pub struct CircuitBreaker<S, C> {
    inner: S,
    breaker: CircuitBreakerHandle,
    classifier: C,
    grant: Option<Grant>,
}

/// What `poll_ready` has decided for the next call. It stays as it is until then.
#[derive(Debug)]
enum Grant {
    /// The circuit flows: `call` need not have asked before.
    Flowing,
    /// The circuit was asked and let the call in.
    Admitted(Ticket),
    /// The circuit was asked and refused. The inner service was not polled.
    Refused(Refused),
}

impl<S, C> CircuitBreaker<S, C> {
    pub(crate) const fn new(inner: S, breaker: CircuitBreakerHandle, classifier: C) -> Self {
        Self { inner, breaker, classifier, grant: None }
    }

    crate::inner::accessors!(S);

    fn decide(&self) -> Grant {
        if self.breaker.flowing().is_some() {
            return Grant::Flowing;
        }
        match self.breaker.enter(now()) {
            Ok(admission) => Grant::Admitted(Ticket::new(self.breaker.clone(), admission)),
            Err(refused) => Grant::Refused(refused),
        }
    }

    /// Leave for a call that found the circuit flowing when it became ready.
    fn admit(&self) -> Result<Ticket, Refused> {
        let admission = match self.breaker.flowing() {
            Some(admission) => admission,
            None => self.breaker.enter(now())?,
        };
        Ok(Ticket::new(self.breaker.clone(), admission))
    }
}

// By hand, because a clone was granted nothing.
impl<S: Clone, C: Clone> Clone for CircuitBreaker<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.breaker.clone(), self.classifier.clone())
    }
}

impl<S, C, Req> Service<Req> for CircuitBreaker<S, C>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.grant.is_none() {
            self.grant = Some(self.decide());
        }
        if let Some(Grant::Refused(_)) = self.grant {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx));
        if let Err(error) = &ready {
            let ticket = match self.grant.take() {
                Some(Grant::Admitted(ticket)) => Ok(ticket),
                _ => self.admit(),
            };
            if let Ok(mut ticket) = ticket {
                ticket.report(self.classifier.classify(Err(error)));
            }
        }
        Poll::Ready(ready)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let ticket = match self.grant.take() {
            Some(Grant::Refused(refused)) => Err(refused),
            Some(Grant::Admitted(mut ticket)) => {
                // Being ready and idle is not being slow.
                ticket.began(now());
                Ok(ticket)
            }
            Some(Grant::Flowing) | None => self.admit(),
        };
        match ticket {
            // The ticket exists before the inner future: a panic in the inner `call` hands it back.
            Ok(ticket) => ResponseFuture::calling(self.inner.call(request), ticket, self.classifier.clone()),
            Err(refused) => ResponseFuture::refused(self.breaker.refusal(refused)),
        }
    }
}
