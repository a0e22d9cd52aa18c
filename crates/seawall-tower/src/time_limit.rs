use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use seawall_core::{CallContext, Event, FailureKind, Refusal, Scoped};
use tokio::time::Sleep;

use crate::Identity;
use crate::clock::now;

/// What a layer that limits time says of itself.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) strategy: &'static str,
    pub(crate) ran_out: &'static str,
    pub(crate) too_late: &'static str,
}

pin_project! {
    /// The answer of the inner service, or a time-out. Cancel safe if the inner future is.
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
        Limited {
            #[pin] inner: Scoped<F>,
            #[pin] sleep: Sleep,
            began: Instant,
            identity: Arc<Identity>,
            words: &'static Words,
        },
        Refused { after: Duration, identity: Arc<Identity>, words: &'static Words },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn unlimited(inner: F) -> Self {
        Self { state: State::Unlimited { inner } }
    }

    /// Makes a call that must end at the deadline of `context`, inside of that context.
    pub(crate) fn within(
        context: CallContext,
        limit: Instant,
        began: Instant,
        (identity, words): (&Arc<Identity>, &'static Words),
        call: impl FnOnce() -> F,
    ) -> Self
    where
        F: Future,
    {
        let inner = context.scope_with(call);
        let sleep = tokio::time::sleep_until(limit.into());
        Self { state: State::Limited { inner, sleep, began, identity: Arc::clone(identity), words } }
    }

    pub(crate) fn refused(after: Duration, identity: &Arc<Identity>, words: &'static Words) -> Self {
        Self { state: State::Refused { after, identity: Arc::clone(identity), words } }
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
            StateProj::Unlimited { inner } => inner.poll(cx),
            StateProj::Limited { inner, sleep, began, identity, words } => {
                // The answer first: one that is there in the last moment counts.
                if let Poll::Ready(result) = inner.poll(cx) {
                    return Poll::Ready(result);
                }
                ready!(sleep.poll(cx));
                let after = now().saturating_duration_since(*began);
                identity.tell(words.strategy, &Event::TimedOut { after });
                let refusal = identity.refusal(words.strategy, FailureKind::Timeout, words.ran_out);
                Poll::Ready(Err(refusal.elapsed(after).executed().into()))
            }
            StateProj::Refused { after, identity, words } => {
                let refused = Event::Refused { reason: words.too_late, retry_after: None };
                identity.tell(words.strategy, &refused);
                let refusal = identity.refusal(words.strategy, FailureKind::Timeout, words.too_late);
                Poll::Ready(Err(refusal.elapsed(*after).into()))
            }
        }
    }
}
