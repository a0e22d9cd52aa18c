//! The future of [`Retry`](super::Retry).

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backon::BackoffBuilder;
use pin_project_lite::pin_project;
use seawall_core::{CallContext, Classify, Scoped};
use tokio::time::Sleep;
use tower_service::Service;

use super::course::Course;
use super::policy::Settings;
use crate::Replay;

pin_project! {
    /// The answer of the last attempt. Dropped, it stops retrying, and a retry not sent yet is given back to the
    /// budget; cancel safe if the inner futures are.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req, C, B>
    where
        S: Service<Req>,
        B: BackoffBuilder,
    {
        inner: S,
        // The copy to send next; `None` when there is none, or none will be needed.
        request: Option<Req>,
        settings: Arc<Settings<C, B>>,
        course: Course<B::Backoff>,
        #[pin]
        state: State<S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Calling { #[pin] attempt: Scoped<F> },
        Waiting { #[pin] sleep: Sleep },
        Readying,
    }
}

impl<S, Req, C, B> ResponseFuture<S, Req, C, B>
where
    S: Service<Req>,
    C: Replay<Req>,
    B: BackoffBuilder + Clone,
{
    pub(super) fn new(mut inner: S, request: Req, settings: Arc<Settings<C, B>>) -> Self {
        let course = Course::new();
        let (attempt, request) = send(&mut inner, request, &settings, course.attempt);
        Self { inner, request, settings, course, state: State::Calling { attempt } }
    }
}

impl<S, Req, C, B> Future for ResponseFuture<S, Req, C, B>
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error> + Replay<Req>,
    B: BackoffBuilder + Clone,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Calling { attempt } => {
                    let Poll::Ready(mut result) = attempt.poll(cx) else {
                        this.course.watch.pending();
                        return Poll::Pending;
                    };
                    let classifier = &this.settings.classifier;
                    let outcome = classifier.classify(result.as_ref());
                    let idempotency = || this.request.as_ref().map(|request| classifier.idempotency(request));
                    let Some(delay) = this.settings.conclude(this.course, outcome, idempotency) else {
                        if let Err(error) = &mut result {
                            classifier.note_attempts(error, this.course.attempt, this.course.watch.read());
                        }
                        return Poll::Ready(result);
                    };
                    this.course.watch.pending();
                    this.state.set(State::Waiting { sleep: tokio::time::sleep(delay) });
                }
                StateProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    this.state.set(State::Readying);
                }
                StateProj::Readying => {
                    if let Err(mut error) = ready!(this.inner.poll_ready(cx)) {
                        let classifier = &this.settings.classifier;
                        classifier.note_attempts(&mut error, this.course.attempt, this.course.watch.read());
                        return Poll::Ready(Err(error));
                    }
                    let request =
                        this.request.take().expect("a retry is decided only with a request to send");
                    this.course.resend();
                    let (attempt, copy) = send(this.inner, request, this.settings, this.course.attempt);
                    *this.request = copy;
                    this.state.set(State::Calling { attempt });
                }
            }
        }
    }
}

/// Sends an attempt inside of a context that knows its number, and keeps a copy if another may follow.
fn send<S, Req, C, B>(
    inner: &mut S,
    request: Req,
    settings: &Settings<C, B>,
    attempt: u32,
) -> (Scoped<S::Future>, Option<Req>)
where
    S: Service<Req>,
    C: Replay<Req>,
    B: BackoffBuilder + Clone,
{
    let copy = if settings.allows_after(attempt) { settings.classifier.replay(&request) } else { None };
    let number = NonZeroU32::new(attempt).expect("attempts are counted from 1");
    let context = CallContext::current().attempt(number);
    (context.scope_with(|| inner.call(request)), copy)
}

impl<S, Req, C, B> fmt::Debug for ResponseFuture<S, Req, C, B>
where
    S: Service<Req>,
    B: BackoffBuilder,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("attempt", &self.course.attempt).finish_non_exhaustive()
    }
}
