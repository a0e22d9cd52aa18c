use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use seawall_core::{CallContext, Refusal};
use tokio::time::Sleep;
use tower_service::Service;

use super::future::ResponseFuture;
use crate::clock::{WayIn, now};
use crate::time_limit::{Id, TimeLimitHandle};

/// Cuts calls that take too long. See the [module](super).
#[derive(Debug)]
pub struct Deadline<S> {
    inner: S,
    limit: TimeLimitHandle,
    // The limit of the attempts within, if nothing stands between that could keep one waiting without polling it.
    attempts: Option<Id>,
    wait: Wait,
}

/// How the next call waits, or has waited, for the inner service to be ready.
#[derive(Debug)]
enum Wait {
    /// Not at all.
    Nothing,
    /// It does since then. In a box only here, where a call has to wait anyway; `None` without a limit.
    Since(Instant, Option<Pin<Box<Sleep>>>),
    /// It did for so long.
    For(Duration),
    /// In vain.
    Vain(Duration),
}

impl<S> Deadline<S> {
    pub(crate) const fn new(inner: S, limit: TimeLimitHandle) -> Self {
        Self { inner, limit, attempts: None, wait: Wait::Nothing }
    }

    /// Sets no timer while that of an attempt runs, whose time this limit cuts anyway. Only for a stack in which each poll
    /// of this comes to the attempt that is waited for.
    pub(crate) fn woken_by(mut self, attempts: &TimeLimitHandle) -> Self {
        self.attempts = Some(attempts.id());
        self
    }

    crate::inner::accessors!(S);
}

impl<S> Deadline<S> {
    /// Goes on with a call that began then, elsewhere.
    pub(crate) fn resume<F: Future>(
        &mut self,
        began: Instant,
        make: impl FnOnce(&mut S) -> F,
    ) -> ResponseFuture<F> {
        let (way_in, attempts, inner) = (WayIn::open(), self.attempts, &mut self.inner);
        match self.limit.until(|| began) {
            None => ResponseFuture::unlimited(&way_in, make(inner)),
            Some(until) => {
                ResponseFuture::within(&way_in, &self.limit, began, until, attempts, || make(inner))
            }
        }
    }
}

// By hand, because a clone waits for nothing yet.
impl<S: Clone> Clone for Deadline<S> {
    fn clone(&self) -> Self {
        let (inner, limit) = (self.inner.clone(), self.limit.clone());
        Self { inner, limit, attempts: self.attempts, wait: Wait::Nothing }
    }
}

impl<S> Deadline<S> {
    /// Asks the inner service, which is told until when, once that is known.
    fn poll_inner<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>>
    where
        S: Service<Req>,
    {
        let Wait::Since(_, Some(sleep)) = &self.wait else { return self.inner.poll_ready(cx) };
        let until = sleep.deadline().into_std();
        let ready = poll_fn(|cx| self.inner.poll_ready(cx));
        pin!(CallContext::scope_deadline(until, || ready)).poll(cx)
    }
}

impl<S, Req> Service<Req> for Deadline<S>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if let Wait::Vain(_) = self.wait {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(result) = self.poll_inner(cx) {
            if let Wait::Since(began, _) = self.wait {
                self.wait = Wait::For(now().saturating_duration_since(began));
            }
            return Poll::Ready(result);
        }
        if !matches!(self.wait, Wait::Since(..)) {
            let began = now();
            let limit = self.limit.until(|| began).map(|at| Box::pin(tokio::time::sleep_until(at.into())));
            let is_limited = limit.is_some();
            self.wait = Wait::Since(began, limit);
            if is_limited {
                // It has to wait, so the clock was worth reading. What is within is asked anew, to know until when it
                // makes sense: a queue where a turn comes later says so at once.
                self.inner = self.inner.clone();
                return self.poll_ready(cx);
            }
        }
        if let Wait::Since(began, Some(sleep)) = &mut self.wait
            && sleep.as_mut().poll(cx).is_ready()
        {
            self.wait = Wait::Vain(now().saturating_duration_since(*began));
            // Leaves the queue it waited in: a place given to a service that is idle is lost to all others.
            self.inner = self.inner.clone();
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        let waited = match std::mem::replace(&mut self.wait, Wait::Nothing) {
            Wait::Vain(waited) => return ResponseFuture::refused(&way_in, &self.limit, waited),
            Wait::For(waited) => waited,
            Wait::Nothing | Wait::Since(..) => Duration::ZERO,
        };
        let began = || now().checked_sub(waited).unwrap_or_else(now);
        let Some(until) = self.limit.until(began) else {
            return ResponseFuture::unlimited(&way_in, self.inner.call(request));
        };
        if until <= now() {
            return ResponseFuture::refused(&way_in, &self.limit, waited);
        }
        ResponseFuture::within(&way_in, &self.limit, began(), until, self.attempts, || {
            self.inner.call(request)
        })
    }
}
