use std::task::{Context, Poll, ready};

use seawall_core::{Classify, Refusal, Refused};
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
    grant: Grant,
}

/// What `poll_ready` has decided for the next call. It stays as it is until then.
#[derive(Debug)]
enum Grant {
    /// Nothing yet.
    Undecided,
    /// The circuit flows: `call` need not have asked before.
    Flowing,
    /// The circuit was asked and let the call in.
    Admitted(Ticket),
    /// The circuit was asked and refused. The inner service was not polled.
    Refused(Refused),
}

impl<S, C> CircuitBreaker<S, C> {
    pub(crate) const fn new(inner: S, breaker: CircuitBreakerHandle, classifier: C) -> Self {
        Self { inner, breaker, classifier, grant: Grant::Undecided }
    }

    crate::inner::accessors!(S);

    #[cold]
    fn ask(&mut self) {
        self.grant = match self.admit() {
            Ok(ticket) => Grant::Admitted(ticket),
            Err(refused) => Grant::Refused(refused),
        };
    }

    /// Leave for a call, or the circuit's no. Of an open circuit only the time is asked, and not the circuit.
    fn admit(&self) -> Result<Ticket, Refused> {
        let admission = match self.breaker.gate() {
            Gate::Flowing(epoch) | Gate::Unmoved(epoch) => return Ok(Ticket::flowing(&self.breaker, epoch)),
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
        Ok(Ticket::admitted(&self.breaker, admission))
    }

    /// What the grant of a call that does not simply flow comes to.
    fn spend_grant(&mut self) -> Result<Ticket, Refused> {
        match std::mem::replace(&mut self.grant, Grant::Undecided) {
            Grant::Refused(refused) => Err(refused),
            Grant::Admitted(ticket) if self.breaker.gate().is_shut() => {
                // It was shut after this call was let in. A probe gives its place back first.
                drop(ticket);
                self.admit()
            }
            Grant::Admitted(mut ticket) => {
                // Being ready and idle is not being slow.
                ticket.began(now());
                Ok(ticket)
            }
            Grant::Flowing | Grant::Undecided => self.admit(),
        }
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
        if let Grant::Undecided = self.grant {
            match self.breaker.gate().flowing() {
                Some(_) => self.grant = Grant::Flowing,
                None => self.ask(),
            }
        }
        if let Grant::Refused(_) = self.grant {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx));
        if let Err(error) = &ready
            && let Ok(mut ticket) = self.spend_grant()
        {
            ticket.report(self.classifier.classify(Err(error)), now);
        }
        Poll::Ready(ready)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        let ticket = match self.breaker.gate().flowing() {
            Some(epoch) if matches!(self.grant, Grant::Flowing | Grant::Undecided) => {
                self.grant = Grant::Undecided;
                Ticket::flowing(&self.breaker, epoch)
            }
            _ => return self.call_by_grant(request, &way_in),
        };
        // The ticket exists before the inner future: a panic in the inner `call` hands it back.
        ResponseFuture::calling(self.inner.call(request), ticket, self.classifier.clone(), way_in.place())
    }
}

impl<S, C> CircuitBreaker<S, C> {
    /// Makes a call that does not simply flow.
    #[cold]
    fn call_by_grant<Req>(&mut self, request: Req, way_in: &WayIn) -> ResponseFuture<S::Future, C>
    where
        S: Service<Req>,
        C: Clone,
    {
        match self.spend_grant() {
            Ok(ticket) => {
                let inner = self.inner.call(request);
                ResponseFuture::calling(inner, ticket, self.classifier.clone(), way_in.place())
            }
            Err(refused) => ResponseFuture::refused(refused, self.breaker.refused(refused)),
        }
    }
}
