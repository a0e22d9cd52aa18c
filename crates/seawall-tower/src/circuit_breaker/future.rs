//! The future of [`CircuitBreaker`](super::CircuitBreaker).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use seawall_core::{Classify, Refusal};

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
        Refused { refusal: Option<Refusal> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) const fn calling(inner: F, ticket: Ticket, classifier: C, place: Place) -> Self {
        Self { state: State::Calling { inner, ticket, classifier, place } }
    }

    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { state: State::Refused { refusal: Some(refusal) } }
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
            StateProj::Refused { refusal } => {
                let refusal = refusal.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(refusal.into()))
            }
        }
    }
}
