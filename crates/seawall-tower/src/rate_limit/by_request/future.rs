//! The future of [`RequestRateLimit`](super::RequestRateLimit).

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use seawall_core::{Classify, Refusal};
use tower_service::Service;

use crate::RateLimiterHandle;
use crate::rate_limit::heed;
use crate::rate_limit::turn::Turn;

pin_project! {
    /// The answer of the inner service, or the limiter's refusal. Cancel safe if the inner future is: dropped while it
    /// waits, it leaves the line; dropped before the inner service is called, it gives its permits back.
    #[must_use = "futures do nothing unless awaited"]
    pub struct ResponseFuture<S, Req, C>
    where
        S: Service<Req>,
    {
        turn: Turn,
        classifier: C,
        #[pin]
        stage: Stage<S, Req, S::Future>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<S, Req, F> {
        Waiting { service: S, request: Option<Req> },
        Calling { #[pin] inner: F },
    }
}

impl<S: Service<Req>, Req, C> ResponseFuture<S, Req, C> {
    pub(super) const fn new(
        limiter: RateLimiterHandle,
        permits: NonZeroU32,
        service: S,
        request: Req,
        classifier: C,
    ) -> Self {
        let stage = Stage::Waiting { service, request: Some(request) };
        Self { turn: Turn::new(limiter, permits), classifier, stage }
    }
}

impl<S, Req, C> Future for ResponseFuture<S, Req, C>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let StageProj::Waiting { service, request } = this.stage.as_mut().project() {
            ready!(this.turn.poll(cx));
            if !this.turn.is_refused()
                && let Err(error) = ready!(service.poll_ready(cx))
            {
                heed(this.turn.limiter(), this.classifier.classify(Err(&error)));
                return Poll::Ready(Err(error));
            }
            if let Err(refused) = this.turn.spend() {
                return Poll::Ready(Err(this.turn.limiter().refusal(refused).into()));
            }
            let inner = service.call(request.take().expect("a service is called once"));
            this.stage.set(Stage::Calling { inner });
        }
        let StageProj::Calling { inner } = this.stage.project() else {
            unreachable!("the call was made above");
        };
        let result = ready!(inner.poll(cx));
        heed(this.turn.limiter(), this.classifier.classify(result.as_ref()));
        Poll::Ready(result)
    }
}

impl<S: Service<Req>, Req, C> fmt::Debug for ResponseFuture<S, Req, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("turn", &self.turn).finish_non_exhaustive()
    }
}
