use std::task::{Context, Poll, ready};

use seawall_core::{Admission, Classify, Refusal, Refused};
use tower_service::Service;

use super::CircuitBreakerHandle;
use super::future::ResponseFuture;
use super::gate::Gate;
use super::ticket::Ticket;
use crate::clock::{WayIn, now};

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
        match self.breaker.gate() {
            Gate::Flowing(_) | Gate::Unmoved(_) => Grant::Flowing,
            _ => match self.admit() {
                Ok(ticket) => Grant::Admitted(ticket),
                Err(refused) => Grant::Refused(refused),
            },
        }
    }

    /// Leave for a call, or the circuit's no. Of an open circuit only the time is asked, and not the circuit.
    fn admit(&self) -> Result<Ticket, Refused> {
        let admission = match self.breaker.gate() {
            Gate::Flowing(epoch) | Gate::Unmoved(epoch) => Admission::flowing(epoch),
            Gate::ForcedOpen => return Err(Refused::FORCED_OPEN),
            Gate::Open(until) => {
                let now = now();
                let left = until.saturating_duration_since(now);
                if !left.is_zero() {
                    return Err(Refused::open(left));
                }
                self.breaker.enter(now)?
            }
            Gate::Ask => self.breaker.enter(now())?,
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
                ticket.report(self.classifier.classify(Err(error)), now);
            }
        }
        Poll::Ready(ready)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
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
            Ok(mut ticket) => {
                ticket.due();
                let inner = self.inner.call(request);
                ResponseFuture::calling(inner, ticket, self.classifier.clone(), way_in.place())
            }
            Err(refused) => ResponseFuture::refused(self.breaker.refusal(refused)),
        }
    }
}
