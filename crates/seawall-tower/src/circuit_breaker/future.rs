//! The future of [`CircuitBreaker`](super::CircuitBreaker).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use seawall_core::{Classify, FailureKind, Name, Refusal, Refused};

use super::STRATEGY;
use super::ticket::Ticket;
use crate::clock::Place;

pin_project! {
    /// The answer of the inner service, or the circuit's refusal. Dropped, it gives back what it holds; cancel safe if
    /// the inner future is.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F, C> {
        Calling { #[pin] inner: F, ticket: Ticket, classifier: C, place: Place },
        // The refusal in parts: whole it would make every future larger.
        Refused { refused: Refused, name: Option<Name> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) const fn calling(inner: F, ticket: Ticket, classifier: C, place: Place) -> Self {
        Self { state: State::Calling { inner, ticket, classifier, place } }
    }

    pub(super) const fn refused(refused: Refused, name: Name) -> Self {
        Self { state: State::Refused { refused, name: Some(name) } }
    }
}

impl<F, C, R, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<R, E>>,
    C: Classify<R, E>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { inner, ticket, classifier, place } => {
                let way_out = place.way_out();
                let Poll::Ready(result) = inner.poll(cx) else {
                    ticket.pending(&way_out);
                    return Poll::Pending;
                };
                ticket.report(classifier.classify(result.as_ref()), || way_out.now());
                Poll::Ready(result)
            }
            StateProj::Refused { refused: Refused { reason, retry_after }, name } => {
                let name = name.take().expect("a future is not polled after it is ready");
                let mut refusal = Refusal::new(STRATEGY, name, FailureKind::Refused, reason);
                if let Some(wait) = *retry_after {
                    refusal = refusal.retry_after(wait);
                }
                Poll::Ready(Err(refusal.into()))
            }
        }
    }
}
