//! The future of [`Retry`](super::Retry).

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use backon::BackoffBuilder;
use pin_project_lite::pin_project;
use seawall_core::{CallContext, Classify, Narrowed};
use tokio::time::Sleep;
use tower_service::Service;

use super::course::Course;
use super::knobs::number;
use super::settings::Settings;
use super::shared::Shared;
use crate::Replay;
use crate::clock::{Place, WayIn, now};
use crate::time_limit::unwatch;

pin_project! {
    /// The answer of the last attempt. Dropped, it stops retrying, and a retry not sent yet is given back to the
    /// budget; cancel safe if the inner futures are.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req, C, B>
    where
        S: Service<Req>,
        B: BackoffBuilder,
    {
        // The copy to send next; `None` when there is none, or none will be needed.
        request: Option<Req>,
        shared: Arc<Shared<S, C, B>>,
        course: Course<B::Backoff>,
        place: Place,
        #[pin]
        state: State<S, S::Future, S::Error>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, E> {
        Calling { #[pin] attempt: Narrowed<F> },
        // The first attempt was made elsewhere, and this is its error.
        Failed { error: Option<Box<E>> },
        // In boxes, because most calls need none, and every future has room for them. `failed` is the error that is to
        // be repeated; a response is let go at once, because the inner service may wait for what it holds.
        Waiting { sleep: Pin<Box<Sleep>>, failed: Option<Box<E>> },
        // `limit` wakes at the deadline of the call's context.
        Readying { inner: Box<S>, limit: Option<Pin<Box<Sleep>>>, failed: Option<Box<E>> },
    }
}

impl<S, Req, C, B> ResponseFuture<S, Req, C, B>
where
    S: Service<Req>,
    C: Replay<Req>,
    B: BackoffBuilder + Clone,
{
    /// `inner` is ready, and a service to retry with has been provided.
    #[inline]
    pub(super) fn new(inner: &mut S, request: Req, shared: Arc<Shared<S, C, B>>, place: Place) -> Self {
        let settings = &*shared.settings;
        let course = Course::new(settings.is_nested());
        let copy = copy(&request, settings, &course);
        let number = number_of_attempt(copy.is_some(), &course);
        // The attempt is made where it stays: moved from place to place, it would cost more than all the rest.
        Self {
            state: State::Calling { attempt: CallContext::scope_attempt(number, || inner.call(request)) },
            request: copy,
            shared,
            course,
            place,
        }
    }

    /// Of a call whose first attempt began then, elsewhere, and failed with this error.
    pub(super) fn resumed(
        request: Req,
        error: S::Error,
        began: Instant,
        shared: Arc<Shared<S, C, B>>,
        place: Place,
    ) -> Self {
        let course = Course::since(began);
        let request = shared.settings.allows_after(course.attempt).then_some(request);
        Self { request, state: State::Failed { error: Some(Box::new(error)) }, shared, course, place }
    }
}

impl<S, Req, C, B> Future for ResponseFuture<S, Req, C, B>
where
    S: Service<Req> + Clone,
    C: Classify<S::Response, S::Error> + Replay<Req>,
    B: BackoffBuilder + Clone,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let settings = &*this.shared.settings;
        loop {
            match this.state.as_mut().project() {
                attempted @ (StateProj::Calling { .. } | StateProj::Failed { .. }) => {
                    let way_out = this.place.way_out();
                    let polled = match attempted {
                        StateProj::Calling { attempt } => attempt.poll(cx),
                        StateProj::Failed { error } => Poll::Ready(Err(*error.take().expect(ONCE))),
                        _ => unreachable!("these are the states of an attempt"),
                    };
                    let Poll::Ready(mut result) = polled else {
                        this.course.watch.pending_on(&way_out);
                        return Poll::Pending;
                    };
                    let classifier = &settings.classifier;
                    let outcome = classifier.classify(result.as_ref());
                    let idempotency = || this.request.as_ref().map(|request| classifier.idempotency(request));
                    let time = || way_out.now();
                    let Some(delay) = settings.conclude(this.course, outcome, idempotency, time) else {
                        if !this.course.nested {
                            note(&mut result, classifier, this.course, time);
                        }
                        return Poll::Ready(result);
                    };
                    this.course.watch.pending_on(&way_out);
                    let (sleep, failed) = (Box::pin(tokio::time::sleep(delay)), result.err().map(Box::new));
                    this.state.set(State::Waiting { sleep, failed });
                }
                StateProj::Waiting { sleep, failed } => {
                    ready!(sleep.as_mut().poll(cx));
                    let failed = failed.take();
                    let inner = Box::new(this.shared.service());
                    this.state.set(State::Readying { inner, limit: None, failed });
                }
                StateProj::Readying { inner, limit, failed } => {
                    // Whatever attempt was polled before, in this same poll: it is none of what is waited for now.
                    unwatch();
                    // The error that was to be repeated is the answer if that takes too long.
                    let deadline = CallContext::current_deadline().filter(|_| failed.is_some());
                    let error = match (inner.poll_ready(cx), deadline) {
                        (Poll::Ready(Err(error)), _) => Some(error),
                        (Poll::Ready(Ok(())), Some(deadline)) if deadline <= now() => {
                            failed.take().map(|e| *e)
                        }
                        (Poll::Ready(Ok(())), _) => None,
                        (Poll::Pending, Some(deadline)) => {
                            let timer = || Box::pin(tokio::time::sleep_until(deadline.into()));
                            ready!(limit.get_or_insert_with(timer).as_mut().poll(cx));
                            failed.take().map(|e| *e)
                        }
                        (Poll::Pending, None) => return Poll::Pending,
                    };
                    if let Some(error) = error {
                        // Not sent, so what it cost goes back.
                        drop(this.course.take_paid());
                        let mut result = Err(error);
                        note(&mut result, &settings.classifier, this.course, now);
                        return Poll::Ready(result);
                    }
                    let request =
                        this.request.take().expect("a retry is decided only with a request to send");
                    let _way_in = WayIn::open();
                    this.course.resend();
                    *this.request = copy(&request, settings, this.course);
                    let number = number_of_attempt(this.request.is_some(), this.course);
                    let attempt = CallContext::scope_attempt(number, || inner.call(request));
                    this.state.set(State::Calling { attempt });
                }
            }
        }
    }
}

const ONCE: &str = "a failure is concluded once";

/// Tells an error how many attempts there were.
fn note<R, E, W>(
    result: &mut Result<R, E>,
    classifier: &impl Classify<R, E>,
    course: &Course<W>,
    now: impl FnOnce() -> Instant,
) {
    if let Err(error) = result {
        classifier.note_attempts(error, course.attempt, course.watch.read_by(now));
        if course.executed {
            classifier.note_may_have_executed(error);
        }
    }
}

/// The copy to keep of the request of an attempt, if another may follow.
fn copy<Req, C, B>(request: &Req, settings: &Settings<C, B>, course: &Course<B::Backoff>) -> Option<Req>
where
    C: Replay<Req>,
    B: BackoffBuilder + Clone,
{
    let another = !course.nested && settings.allows_after(course.attempt);
    if another { settings.classifier.replay(request) } else { None }
}

/// What those within are told of an attempt: one that will not retry leaves it to them.
fn number_of_attempt<W>(has_copy: bool, course: &Course<W>) -> Option<NonZeroU32> {
    (has_copy || course.attempt > 1).then(|| number(course.attempt))
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
