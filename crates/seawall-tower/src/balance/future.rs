//! The future of [`Balance`](super::Balance).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use seawall_core::{Classify, Refusal};

use super::visit::Visit;
use crate::clock::Place;

pin_project! {
    /// The answer of the endpoint, or a refusal because there is none. Cancel safe if the endpoint's future is.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<F, S, C> {
        #[pin]
        state: State<F, S, C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S, C> {
        Calling { #[pin] inner: F, visit: Visit<S>, classifier: C, place: Place },
        Refused { refusal: Option<Refusal> },
    }
}

impl<F, S, C> ResponseFuture<F, S, C> {
    pub(super) const fn calling(inner: F, visit: Visit<S>, classifier: C, place: Place) -> Self {
        Self { state: State::Calling { inner, visit, classifier, place } }
    }

    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { state: State::Refused { refusal: Some(refusal) } }
    }
}

impl<F, S, C, R, E> Future for ResponseFuture<F, S, C>
where
    F: Future<Output = Result<R, E>>,
    C: Classify<R, E>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { inner, visit, classifier, place } => {
                let way_out = place.way_out();
                let Poll::Ready(result) = inner.poll(cx) else {
                    visit.pending(&way_out);
                    return Poll::Pending;
                };
                visit.report(classifier.classify(result.as_ref()), way_out.now());
                Poll::Ready(result)
            }
            StateProj::Refused { refusal } => {
                let refusal = refusal.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(refusal.into()))
            }
        }
    }
}

impl<F, S, C> fmt::Debug for ResponseFuture<F, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
