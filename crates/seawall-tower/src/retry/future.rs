//! The future of [`Retry`](super::Retry).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backon::BackoffBuilder;
use pin_project_lite::pin_project;
use seawall_core::{CallContext, Classify, Narrowed};
use tokio::time::Sleep;
use tower_service::Service;

use super::course::Course;
use super::knobs::number;
use super::settings::Settings;
use crate::Replay;
use crate::clock::{Place, WayIn};

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
        place: Place,
        #[pin]
        state: State<S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Calling { #[pin] attempt: Narrowed<F> },
        // In a box, because most calls need none, and every future has room for one.
        Waiting { sleep: Pin<Box<Sleep>> },
        Readying,
    }
}

impl<S, Req, C, B> ResponseFuture<S, Req, C, B>
where
    S: Service<Req>,
    C: Replay<Req>,
    B: BackoffBuilder + Clone,
{
    pub(super) fn new(mut inner: S, request: Req, settings: Arc<Settings<C, B>>, place: Place) -> Self {
        let course = Course::new(settings.is_nested());
        let (attempt, request) = send(&mut inner, request, &settings, &course);
        Self { inner, request, settings, course, place, state: State::Calling { attempt } }
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
                    let way_out = this.place.way_out();
                    let Poll::Ready(mut result) = attempt.poll(cx) else {
                        this.course.watch.pending_on(&way_out);
                        return Poll::Pending;
                    };
                    let classifier = &this.settings.classifier;
                    let outcome = classifier.classify(result.as_ref());
                    let idempotency = || this.request.as_ref().map(|request| classifier.idempotency(request));
                    let now = || way_out.now();
                    let Some(delay) = this.settings.conclude(this.course, outcome, idempotency, now) else {
                        if let Err(error) = &mut result
                            && !this.course.nested
                        {
                            let elapsed = this.course.watch.read_by(now);
                            classifier.note_attempts(error, this.course.attempt, elapsed);
                        }
                        return Poll::Ready(result);
                    };
                    this.course.watch.pending_on(&way_out);
                    this.state.set(State::Waiting { sleep: Box::pin(tokio::time::sleep(delay)) });
                }
                StateProj::Waiting { sleep } => {
                    ready!(sleep.as_mut().poll(cx));
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
                    let _way_in = WayIn::open();
                    this.course.resend();
                    let (attempt, copy) = send(this.inner, request, this.settings, this.course);
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
    course: &Course<B::Backoff>,
) -> (Narrowed<S::Future>, Option<Req>)
where
    S: Service<Req>,
    C: Replay<Req>,
    B: BackoffBuilder + Clone,
{
    let another = !course.nested && settings.allows_after(course.attempt);
    let copy = if another { settings.classifier.replay(&request) } else { None };
    // One that never retries leaves it to those within.
    let attempt = (another || course.attempt > 1).then(|| number(course.attempt));
    (CallContext::scope_attempt(attempt, || inner.call(request)), copy)
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
