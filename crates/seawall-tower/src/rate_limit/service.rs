use std::num::NonZeroU32;
use std::task::{Context, Poll, ready};

use seawall_core::{Classify, Refusal};
use tower_service::Service;

use super::future::ResponseFuture;
use super::turn::Turn;
use super::{RateLimiterHandle, heed};

/// Lets calls start at a limited rate. See the [module](super).
#[derive(Debug)]
pub struct RateLimit<S, C> {
    inner: S,
    turn: Turn,
    classifier: C,
}

impl<S, C> RateLimit<S, C> {
    pub(crate) const fn new(inner: S, limiter: RateLimiterHandle, classifier: C) -> Self {
        Self { inner, turn: Turn::new(limiter, NonZeroU32::MIN), classifier }
    }

    crate::inner::accessors!(S);

    pub(crate) const fn limiter(&self) -> &RateLimiterHandle {
        self.turn.limiter()
    }
}

// By hand, because a clone holds no permit and has no place in the line.
impl<S: Clone, C: Clone> Clone for RateLimit<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.turn.limiter().clone(), self.classifier.clone())
    }
}

impl<S, C, Req> Service<Req> for RateLimit<S, C>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.turn.poll(cx));
        if self.turn.is_refused() {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx));
        if let Err(error) = &ready {
            heed(self.turn.limiter(), self.classifier.classify(Err(error)));
        }
        Poll::Ready(ready)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.turn.spend() {
            Ok(()) => {
                let limiter = self.turn.limiter().clone();
                ResponseFuture::calling(self.inner.call(request), limiter, self.classifier.clone())
            }
            Err(refused) => ResponseFuture::refused(self.turn.limiter().refusal(refused)),
        }
    }
}
