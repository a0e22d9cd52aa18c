//! The future of [`Chaos`](super::Chaos).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use seawall_core::Refusal;
use tokio::time::Sleep;

use super::ChaosHandle;

pin_project! {
    /// The answer of the inner service, late or lost or never given. Cancel safe if the inner future is.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, Result<R, E>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, T> {
        // `lost`: the answer is thrown away.
        Calling { #[pin] inner: F, latency: Option<Duration>, lost: Option<ChaosHandle> },
        Answered { answer: Option<T>, latency: Option<Duration> },
        HeldBack { answer: Option<T>, #[pin] sleep: Sleep },
        Hanging,
    }
}

impl<F, R, E> ResponseFuture<F, R, E> {
    pub(super) const fn calling(inner: F, latency: Option<Duration>, lost: Option<ChaosHandle>) -> Self {
        Self { state: State::Calling { inner, latency, lost } }
    }

    pub(super) const fn answered(answer: Result<R, E>, latency: Option<Duration>) -> Self {
        Self { state: State::Answered { answer: Some(answer), latency } }
    }

    pub(super) const fn hanging() -> Self {
        Self { state: State::Hanging }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<R, E>>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let (answer, latency) = match this.state.as_mut().project() {
                StateProj::Calling { inner, latency, lost } => {
                    let answer = ready!(inner.poll(cx));
                    match lost {
                        Some(chaos) => (Err(chaos.loss().into()), *latency),
                        None => (answer, *latency),
                    }
                }
                StateProj::Answered { answer, latency } => (taken(answer), *latency),
                StateProj::HeldBack { answer, sleep } => {
                    ready!(sleep.poll(cx));
                    return Poll::Ready(taken(answer));
                }
                // Nothing will wake it: that is the fault.
                StateProj::Hanging => return Poll::Pending,
            };
            let Some(latency) = latency else {
                return Poll::Ready(answer);
            };
            let sleep = tokio::time::sleep(latency);
            this.state.set(State::HeldBack { answer: Some(answer), sleep });
        }
    }
}

fn taken<T>(answer: &mut Option<T>) -> T {
    answer.take().expect("a future is not polled after it is ready")
}

impl<F, R, E> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
