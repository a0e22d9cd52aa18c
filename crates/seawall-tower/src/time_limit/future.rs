use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use seawall_core::{CallContext, Narrowed, Refusal};
use tokio::time::Sleep;

use super::watch::{is_watched, unwatch, watch};
use super::{Id, TimeLimitHandle};
use crate::clock::{Place, WayIn, now};

pin_project! {
    /// The answer of the inner service, or a time-out. Cancel safe if the inner future is.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
        place: Place,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Unlimited { #[pin] inner: F },
        Limited {
            #[pin] inner: Narrowed<F>,
            // Made when the inner future has to wait, and in a box then: one allocation for each call that waits, none
            // for those that do not. Tokio's timer is 112 bytes, larger than all the rest, and must stay where it is,
            // so a future that has room for it is moved with it through every layer around: measured, that costs each
            // call more than tower's timeout does as a whole. Timers kept for reuse would need a lock for a malloc,
            // and belong to the runtime they were made in.
            sleep: Option<Pin<Box<Sleep>>>,
            began: Instant,
            limit: TimeLimitHandle,
            // The limit of the attempts within, while whose timer runs none is needed here.
            attempts: Option<Id>,
        },
        Refused { after: Duration, limit: TimeLimitHandle },
    }
}

impl<F: Future> ResponseFuture<F> {
    pub(crate) fn unlimited(way_in: &WayIn, inner: F) -> Self {
        Self { state: State::Unlimited { inner }, place: way_in.place() }
    }

    /// Makes a call that began at `began` and must end before `until`, in a context that says so.
    pub(crate) fn within(
        way_in: &WayIn,
        limit: &TimeLimitHandle,
        began: Instant,
        until: Instant,
        attempts: Option<Id>,
        call: impl FnOnce() -> F,
    ) -> Self {
        let inner = CallContext::scope_deadline(until, call);
        let state = State::Limited { inner, sleep: None, began, limit: limit.clone(), attempts };
        Self { state, place: way_in.place() }
    }

    pub(crate) fn refused(way_in: &WayIn, limit: &TimeLimitHandle, after: Duration) -> Self {
        Self { state: State::Refused { after, limit: limit.clone() }, place: way_in.place() }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    E: From<Refusal>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _way_out = this.place.way_out();
        match this.state.project() {
            StateProj::Unlimited { inner } => inner.poll(cx),
            StateProj::Limited { mut inner, sleep, began, limit, attempts } => {
                if attempts.is_some() {
                    unwatch();
                }
                // The answer first: one that is there in the last moment counts.
                if let Poll::Ready(result) = inner.as_mut().poll(cx) {
                    return Poll::Ready(result);
                }
                if sleep.is_none() && attempts.is_some_and(is_watched) {
                    return Poll::Pending;
                }
                if let Some(until) = inner.deadline() {
                    let timer = || Box::pin(tokio::time::sleep_until(until.into()));
                    if sleep.get_or_insert_with(timer).as_mut().poll(cx).is_pending() {
                        watch(limit.id());
                        return Poll::Pending;
                    }
                }
                let after = now().saturating_duration_since(*began);
                Poll::Ready(Err(limit.ran_out(after).into()))
            }
            StateProj::Refused { after, limit } => Poll::Ready(Err(limit.too_late(*after).into())),
        }
    }
}
