//! The future of [`Rollout`](super::Rollout).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;
use seawall_core::{Arm, CallContext, Classify, Epoch, FailureKind, Outcome};
use tower::util::{Either, Oneshot};
use tower_service::Service;

use super::RolloutHandle;
use crate::clock::{Stopwatch, now};
use crate::too_late::came_too_late;

pin_project! {
    /// The answer of the chosen stack. Cancel safe if the stack's future is.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<A, B, Req, C>
    where
        A: Service<Req>,
        B: Service<Req, Response = A::Response, Error = A::Error>,
    {
        #[pin]
        inner: Oneshot<Either<A, B>, Req>,
        trial: Trial,
        classifier: C,
    }
}

impl<A, B, Req, C> ResponseFuture<A, B, Req, C>
where
    A: Service<Req>,
    B: Service<Req, Response = A::Response, Error = A::Error>,
{
    pub(super) const fn new(inner: Oneshot<Either<A, B>, Req>, trial: Trial, classifier: C) -> Self {
        Self { inner, trial, classifier }
    }
}

impl<A, B, Req, C> Future for ResponseFuture<A, B, Req, C>
where
    A: Service<Req>,
    B: Service<Req, Response = A::Response, Error = A::Error>,
    C: Classify<A::Response, A::Error>,
{
    type Output = Result<A::Response, A::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Poll::Ready(result) = this.inner.poll(cx) else {
            this.trial.watch.pending();
            return Poll::Pending;
        };
        this.trial.report(this.classifier.classify(result.as_ref()));
        Poll::Ready(result)
    }
}

impl<A, B, Req, C> fmt::Debug for ResponseFuture<A, B, Req, C>
where
    A: Service<Req>,
    B: Service<Req, Response = A::Response, Error = A::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("arm", &self.trial.arm).finish_non_exhaustive()
    }
}

/// A call that will tell how its stack did.
#[derive(Debug)]
pub(super) struct Trial {
    handle: RolloutHandle,
    arm: Arm,
    epoch: Epoch,
    deadline: Option<Instant>,
    watch: Stopwatch,
    done: bool,
}

impl Trial {
    pub(super) fn new(handle: RolloutHandle, arm: Arm, epoch: Epoch) -> Self {
        let deadline = CallContext::current_deadline();
        Self { handle, arm, epoch, deadline, watch: Stopwatch::new(), done: false }
    }

    fn report(&mut self, outcome: Outcome) {
        self.done = true;
        let now = now();
        if self.watch.has_run() || !came_too_late(outcome, now) {
            self.handle.record(self.arm, self.epoch, outcome, self.watch.elapsed(now), now);
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // A call that was dropped because its time was up says that the stack was too slow; any other says nothing.
        if !self.done
            && self.watch.has_run()
            && let Some(deadline) = self.deadline
            && now() >= deadline
        {
            self.report(Outcome::failure(FailureKind::Timeout));
        }
    }
}
