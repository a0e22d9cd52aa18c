//! The future of [`LoadShed`](super::LoadShed).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::Refusal;
use tokio::task::coop;

pin_project! {
    /// The answer of the inner service, or a refusal. Cancel safe if the inner future is.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Calling { #[pin] inner: F },
        Refused { refusal: Option<Refusal> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn calling(inner: F) -> Self {
        Self { state: State::Calling { inner } }
    }

    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { state: State::Refused { refusal: Some(refusal) } }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Calling { inner } => inner.poll(cx),
            StateProj::Refused { refusal } => {
                // A caller that asks again and again must not keep its thread from the work it waits for.
                ready!(coop::poll_proceed(cx)).made_progress();
                let refusal = refusal.take().expect("a future is not polled after it is ready");
                Poll::Ready(Err(refusal.into()))
            }
        }
    }
}
