//! The future of [`Cached`](super::Cached).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The answer, from the cache or from the call that fills it. Dropped, it leaves that call to run; a call without a key
/// is dropped with it.
#[must_use = "futures do nothing unless awaited"]
pub struct ResponseFuture<R, E>(State<R, E>);

enum State<R, E> {
    Found(Option<Result<R, E>>),
    Waiting(Pin<Box<dyn Future<Output = Result<R, E>> + Send>>),
}

impl<R, E> ResponseFuture<R, E> {
    pub(super) const fn found(answer: Result<R, E>) -> Self {
        Self(State::Found(Some(answer)))
    }

    pub(super) fn waiting(answer: impl Future<Output = Result<R, E>> + Send + 'static) -> Self {
        Self(State::Waiting(Box::pin(answer)))
    }
}

// Nothing in it is pinned in place.
impl<R, E> Unpin for ResponseFuture<R, E> {}

impl<R, E> Future for ResponseFuture<R, E> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Found(answer) => {
                Poll::Ready(answer.take().expect("a future is not polled after it is ready"))
            }
            State::Waiting(answer) => answer.as_mut().poll(cx),
        }
    }
}

impl<R, E> fmt::Debug for ResponseFuture<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0 {
            State::Found(_) => "found",
            State::Waiting(_) => "waiting",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
