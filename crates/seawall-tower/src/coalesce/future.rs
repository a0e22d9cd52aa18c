//! The future of [`Coalesce`](super::Coalesce).

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use seawall_core::{CallContext, Event, FailureKind, Refusal};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::flights::{Answer, Seat};
use super::layer::Settings;
use super::{STRATEGY, WORDS};
use crate::clock::now;

pin_project! {
    /// The answer of the call that this one joined, or became. Dropped, it leaves that call to the others who wait, and
    /// as the last one it cancels it.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<Q, R, E>
    where
        Q: Hash,
        Q: Eq,
    {
        #[pin]
        state: State<Q, R, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<Q, R, E>
    where
        Q: Hash,
        Q: Eq,
    {
        Waiting {
            answer: oneshot::Receiver<Answer<R, E>>,
            seat: Option<Seat<Q, R, E>>,
            // Made when the call first has to wait, if its context has a deadline.
            patience: Option<Patience>,
            asked: bool,
            settings: Arc<Settings>,
        },
        Passing { inner: Pin<Box<dyn Future<Output = Answer<R, E>> + Send>> },
    }
}

/// How long one caller waits.
struct Patience {
    began: Instant,
    // In a box only for callers with a deadline that have to wait.
    sleep: Pin<Box<Sleep>>,
}

impl<Q: Hash + Eq, R, E> ResponseFuture<Q, R, E> {
    pub(super) fn waiting(
        answer: oneshot::Receiver<Answer<R, E>>,
        seat: Seat<Q, R, E>,
        settings: Arc<Settings>,
    ) -> Self {
        Self { state: State::Waiting { answer, seat: Some(seat), patience: None, asked: false, settings } }
    }

    pub(super) fn passing(inner: Pin<Box<dyn Future<Output = Answer<R, E>> + Send>>) -> Self {
        Self { state: State::Passing { inner } }
    }
}

impl<Q: Hash + Eq, R, E: From<Refusal>> Future for ResponseFuture<Q, R, E> {
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passing { inner } => inner.as_mut().poll(cx),
            StateProj::Waiting { answer, seat, patience, asked, settings } => {
                let refusal = |kind, reason| settings.identity.refusal(STRATEGY, kind, reason).executed();
                if let Poll::Ready(landed) = Pin::new(answer).poll(cx) {
                    return Poll::Ready(landed.unwrap_or_else(|_gone| {
                        Err(refusal(FailureKind::Cancelled, "the call was abandoned: its runtime shut down")
                            .into())
                    }));
                }
                if !std::mem::replace(asked, true) {
                    *patience = CallContext::current_deadline().map(|deadline| Patience {
                        began: now(),
                        sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
                    });
                }
                let Some(Patience { began, sleep }) = patience else { return Poll::Pending };
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                // At once, not when the caller gets round to dropping this future.
                *seat = None;
                let after = now().saturating_duration_since(*began);
                settings.identity.tell(STRATEGY, &Event::TimedOut { after });
                let refusal = refusal(FailureKind::Timeout, WORDS.too_late);
                Poll::Ready(Err(refusal.elapsed(after).into()))
            }
        }
    }
}

impl<Q: Hash + Eq, R, E> fmt::Debug for ResponseFuture<Q, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting { .. } => "waiting",
            State::Passing { .. } => "passing",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
