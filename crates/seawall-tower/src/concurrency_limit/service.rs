use std::task::{Context, Poll, ready};

use seawall_core::{Classify, Refusal};
use tower_service::Service;

use super::future::ResponseFuture;
use super::handle::Refused;
use super::permit::{Flight, Permit};
use super::{ConcurrencyLimitHandle, Waiting};

/// Holds the calls under way to a limit. See the [module](super).
#[derive(Debug)]
pub struct ConcurrencyLimit<S, C> {
    inner: S,
    limit: ConcurrencyLimitHandle,
    classifier: C,
    turn: Turn,
}

/// How far the next call has got.
#[derive(Debug)]
enum Turn {
    /// Nobody has asked.
    None,
    /// It waits. In a box only here, where a call has to wait anyway.
    Waiting(Box<Waiting>),
    /// It has its permit, whether or not the inner service is ready.
    Permitted(Permit),
    /// It was refused. The inner service was not polled.
    Refused(Refused),
}

impl<S, C> ConcurrencyLimit<S, C> {
    pub(crate) const fn new(inner: S, limit: ConcurrencyLimitHandle, classifier: C) -> Self {
        Self { inner, limit, classifier, turn: Turn::None }
    }

    crate::inner::accessors!(S);

    /// Comes as far as a permit or a refusal.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.turn = match &mut self.turn {
                Turn::None => match self.limit.try_enter() {
                    Some(permit) => Turn::Permitted(permit),
                    None => Turn::Waiting(Box::new(self.limit.wait())),
                },
                Turn::Waiting(waiting) => match ready!(waiting.poll(cx)) {
                    Ok(permit) => Turn::Permitted(permit),
                    Err(refused) => Turn::Refused(refused),
                },
                Turn::Permitted(_) | Turn::Refused(_) => return Poll::Ready(()),
            };
        }
    }
}

// By hand, because a clone has no permit and waits for none.
impl<S: Clone, C: Clone> Clone for ConcurrencyLimit<S, C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.limit.clone(), self.classifier.clone())
    }
}

impl<S, C, Req> Service<Req> for ConcurrencyLimit<S, C>
where
    S: Service<Req>,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_turn(cx));
        if let Turn::Refused(_) = self.turn {
            return Poll::Ready(Ok(()));
        }
        let ready = ready!(self.inner.poll_ready(cx));
        if ready.is_err() {
            // No call will be made.
            self.turn = Turn::None;
        }
        Poll::Ready(ready)
    }

    /// # Panics
    ///
    /// When the service is not ready.
    fn call(&mut self, request: Req) -> Self::Future {
        match std::mem::replace(&mut self.turn, Turn::None) {
            Turn::Permitted(permit) => {
                // The flight exists before the inner future: a panic in the inner `call` gives the permit back.
                let flight = Flight::new(permit);
                ResponseFuture::calling(self.inner.call(request), flight, self.classifier.clone())
            }
            Turn::Refused(refused) => ResponseFuture::refused(self.limit.refusal(refused)),
            Turn::None | Turn::Waiting(_) => {
                panic!("called without a permit: `poll_ready` must return `Ready` before each `call`")
            }
        }
    }
}
