//! The future of [`RateLimit`](super::RateLimit).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::{Classify, Refusal};

use super::{RateLimiterHandle, heed};

pin_project! {
    /// The answer of the inner service, or the limiter's refusal. Cancel safe if the inner future is; the permit is spent
    /// either way.
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
        Calling { #[pin] inner: F, limiter: RateLimiterHandle, classifier: C },
        Refused { refusal: Option<Refusal> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) const fn calling(inner: F, limiter: RateLimiterHandle, classifier: C) -> Self {
        Self { state: State::Calling { inner, limiter, classifier } }
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
            StateProj::Calling { inner, limiter, classifier } => {
                let result = ready!(inner.poll(cx));
                heed(limiter, classifier.classify(result.as_ref()));
                Poll::Ready(result)
            }
            StateProj::Refused { refusal } => {
                let refusal = refusal.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(refusal.into()))
            }
        }
    }
}
