//! The future of [`CallerDeadline`](super::CallerDeadline).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use seawall_core::{CallContext, Narrowed};
use tokio::time::Sleep;

use super::DeadlinePassed;

pin_project! {
    /// The answer of the inner service, or a 504 once the caller has no use for it. Dropped, it drops the inner future.
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
        Unlimited { #[pin] inner: F },
        // The timer is made when the inner future has to wait.
        Limited { #[pin] inner: Narrowed<F>, until: Instant, time: Duration, sleep: Option<Pin<Box<Sleep>>> },
        Passed { time: Duration },
    }
}

impl<F: Future> ResponseFuture<F> {
    pub(super) const fn unlimited(inner: F) -> Self {
        Self { state: State::Unlimited { inner } }
    }

    pub(super) fn until(until: Instant, time: Duration, call: impl FnOnce() -> F) -> Self {
        let inner = CallContext::scope_deadline(until, call);
        Self { state: State::Limited { inner, until, time, sleep: None } }
    }

    pub(super) const fn too_late() -> Self {
        Self { state: State::Passed { time: Duration::ZERO } }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<&'static str>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            StateProj::Unlimited { inner } => inner.poll(cx),
            StateProj::Limited { inner, until, time, sleep } => {
                // The answer first: one that is there in the last moment counts.
                if let Poll::Ready(result) = inner.poll(cx) {
                    return Poll::Ready(result);
                }
                let timer = || Box::pin(tokio::time::sleep_until((*until).into()));
                ready!(sleep.get_or_insert_with(timer).as_mut().poll(cx));
                let time = *time;
                // Now, not when the server gets round to dropping this future: the work is in vain.
                state.set(State::Passed { time });
                Poll::Ready(Ok(answer(time)))
            }
            StateProj::Passed { time } => Poll::Ready(Ok(answer(*time))),
        }
    }
}

fn answer<R: From<&'static str>>(after: Duration) -> Response<R> {
    let mut response =
        Response::new(R::from("the deadline that the caller set for this request has passed\n"));
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    response.extensions_mut().insert(DeadlinePassed { after });
    response
}
