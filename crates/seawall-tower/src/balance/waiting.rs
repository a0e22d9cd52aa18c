use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use seawall_core::CallContext;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Sleep;
use tower_service::Service;

use super::endpoint::Endpoint;

/// An endpoint, with a service of our own to it that may be ready.
pub(super) struct Candidate<S> {
    pub(super) endpoint: Arc<Endpoint<S>>,
    pub(super) service: S,
}

impl<S: Clone> Candidate<S> {
    pub(super) fn new(endpoint: &Arc<Endpoint<S>>) -> Self {
        Self { service: endpoint.service(), endpoint: Arc::clone(endpoint) }
    }
}

/// A call for which no endpoint is ready. Dropped, it gives up its place in every endpoint's queue.
pub(super) struct Waiting<S> {
    candidates: Vec<Candidate<S>>,
    changed: Pin<Box<OwnedNotified>>,
    // Until an ejected endpoint comes back.
    returns: Timer,
    // Until the deadline of the call's context.
    deadline: Timer,
}

type Timer = Option<Pin<Box<Sleep>>>;

/// What has come of it.
pub(super) enum Progress<S, E> {
    /// An endpoint is ready.
    Ready(Candidate<S>),
    /// An endpoint failed to become ready; the last of them, or others still may.
    Failed { endpoint: Arc<Endpoint<S>>, error: E, last: bool },
    /// There are other endpoints to choose from now.
    Changed,
    /// The deadline has passed.
    Expired,
}

impl<S> Waiting<S> {
    pub(super) fn new(
        candidates: Vec<Candidate<S>>,
        changed: OwnedNotified,
        next_return: Option<Instant>,
    ) -> Self {
        let timer = |at: Instant| Box::pin(tokio::time::sleep_until(at.into()));
        let deadline = CallContext::current_deadline().map(timer);
        Self { candidates, changed: Box::pin(changed), returns: next_return.map(timer), deadline }
    }

    pub(super) fn poll<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Progress<S, S::Error>>
    where
        S: Service<Req>,
    {
        for place in 0..self.candidates.len() {
            match self.candidates[place].service.poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    return Poll::Ready(Progress::Ready(self.candidates.swap_remove(place)));
                }
                Poll::Ready(Err(error)) => {
                    let endpoint = self.candidates.swap_remove(place).endpoint;
                    return Poll::Ready(Progress::Failed {
                        endpoint,
                        error,
                        last: self.candidates.is_empty(),
                    });
                }
                Poll::Pending => {}
            }
        }
        let mut is_over =
            |timer: &mut Timer| timer.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
        if is_over(&mut self.deadline) {
            return Poll::Ready(Progress::Expired);
        }
        if is_over(&mut self.returns) || self.changed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Progress::Changed);
        }
        Poll::Pending
    }
}
