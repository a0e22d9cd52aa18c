//! The future of [`CallService`](super::CallService), and so of [`PipelineService`](super::PipelineService).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use backon::ExponentialBuilder;
use pin_project_lite::pin_project;
use seawall_core::{Classify, Event, Outcome, Refusal};
use tower_service::Service;

use super::STRATEGY;
use super::call::Hedged;
use super::target::Target;
use crate::Replay;
use crate::clock::{Place, Stopwatch, WayOut};
use crate::{deadline, retry};

type Inner<S, Req, C> =
    deadline::future::ResponseFuture<retry::future::ResponseFuture<Hedged<S, C>, Req, C, ExponentialBuilder>>;

pin_project! {
    /// The answer of a call, which it tells the observer of: as completed, or as abandoned when it is dropped first.
    /// Cancel safe if the inner futures are.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req, C>
    where
        Hedged<S, C>: Service<Req>,
    {
        #[pin]
        inner: Inner<S, Req, C>,
        report: Report<C>,
        place: Place,
    }
}

impl<S, Req, C> ResponseFuture<S, Req, C>
where
    Hedged<S, C>: Service<Req>,
{
    pub(super) const fn new(
        inner: Inner<S, Req, C>,
        target: Arc<Target<C>>,
        place: Place,
        watch: Stopwatch,
    ) -> Self {
        Self { inner, report: Report { target, watch, done: false }, place }
    }
}

impl<S, Req, C> Future for ResponseFuture<S, Req, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Replay<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let way_out = this.place.way_out();
        let Poll::Ready(result) = this.inner.poll(cx) else {
            this.report.watch.pending_on(&way_out);
            return Poll::Pending;
        };
        this.report.completed(this.report.target.classifier.classify(result.as_ref()), &way_out);
        Poll::Ready(result)
    }
}

impl<S, Req, C> fmt::Debug for ResponseFuture<S, Req, C>
where
    Hedged<S, C>: Service<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("target", &self.report.target.identity.target())
            .finish_non_exhaustive()
    }
}

/// Tells how a call ended, once.
struct Report<C> {
    target: Arc<Target<C>>,
    watch: Stopwatch,
    done: bool,
}

impl<C> Report<C> {
    fn completed(&mut self, outcome: Outcome, way_out: &WayOut) {
        self.done = true;
        let elapsed = self.watch.read_by(|| way_out.now());
        self.target.identity.tell(STRATEGY, &Event::Completed { outcome, elapsed });
    }
}

impl<C> Drop for Report<C> {
    fn drop(&mut self) {
        if !self.done {
            let elapsed = self.watch.read();
            self.target.identity.tell(STRATEGY, &Event::Abandoned { elapsed });
        }
    }
}
