//! The future of [`Rollout`](super::Rollout).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use seawall_core::Classify;
use tower::util::{Either, Oneshot};
use tower_service::Service;

use super::trial::Trial;
use super::way_in::OnTheWayIn;
use crate::clock::Place;

type Inner<A, B, Req> = Oneshot<OnTheWayIn<Either<A, B>>, Req>;

pin_project! {
    /// The answer of the chosen stack. Cancel safe if the stack's future is.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<A, B, Req, C>
    where
        A: Service<Req>,
        B: Service<Req, Response = A::Response, Error = A::Error>,
    {
        #[pin]
        inner: Inner<A, B, Req>,
        trial: Trial,
        classifier: C,
        place: Place,
    }
}

impl<A, B, Req, C> ResponseFuture<A, B, Req, C>
where
    A: Service<Req>,
    B: Service<Req, Response = A::Response, Error = A::Error>,
{
    pub(super) const fn new(inner: Inner<A, B, Req>, trial: Trial, classifier: C, place: Place) -> Self {
        Self { inner, trial, classifier, place }
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
        let way_out = this.place.way_out();
        let Poll::Ready(result) = this.inner.poll(cx) else {
            this.trial.pending(&way_out);
            return Poll::Pending;
        };
        this.trial.report(this.classifier.classify(result.as_ref()), way_out.now());
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
