//! The future of [`ConcurrencyLimit`](super::ConcurrencyLimit).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::{Classify, Refusal};

use super::permit::Call;

pin_project! {
    /// The answer of the inner service, or the limit's refusal. It gives its permit back as soon as the inner future is
    /// ready, and when it is dropped before; cancel safe if the inner future is.
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
        Calling { #[pin] inner: F, call: Call, classifier: C },
        // In a box, to keep the future of the calls that are made small.
        Refused { refusal: Option<Box<Refusal>> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    #[inline]
    pub(super) const fn calling(inner: F, call: Call, classifier: C) -> Self {
        Self { state: State::Calling { inner, call, classifier } }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { state: State::Refused { refusal: Some(Box::new(refusal)) } }
    }
}

impl<F, C, R, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<R, E>>,
    C: Classify<R, E>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { inner, call, classifier } => {
                let Some(way_out) = call.way_out() else {
                    let result = ready!(inner.poll(cx));
                    call.end();
                    return Poll::Ready(result);
                };
                let Poll::Ready(result) = inner.poll(cx) else {
                    call.pending(&way_out);
                    return Poll::Pending;
                };
                // A classifier that panics leaves the place to the drop.
                let outcome = classifier.classify(result.as_ref());
                call.end_with(outcome, || way_out.now());
                Poll::Ready(result)
            }
            StateProj::Refused { refusal } => {
                let refusal = refusal.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err((*refusal).into()))
            }
        }
    }
}
