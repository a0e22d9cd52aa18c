use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use seawall_core::CallContext;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Sleep;
use tower_service::Service;

use super::BalanceHandle;
use super::endpoint::Endpoint;
use crate::clock::now;

/// After this pause, an endpoint that failed to become ready is asked once more.
const PAUSE: Duration = Duration::from_millis(100);

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

/// A call for which no endpoint is ready. It keeps its place in every endpoint's queue while the set changes around it;
/// dropped, it gives them up.
pub(super) struct Waiting<S> {
    queued: Vec<Candidate<S>>,
    // To be asked at the next poll, the last one first.
    unasked: Vec<Arc<Endpoint<S>>>,
    failed: Vec<Arc<Endpoint<S>>>,
    changed: Pin<Box<OwnedNotified>>,
    // Until those that failed are asked again.
    again: Timer,
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
    /// Every endpoint failed to become ready; the last of them with this error.
    Failed(E),
    /// There is nothing to wait for.
    Refused(&'static str),
}

impl<S: Clone> Waiting<S> {
    pub(super) fn new(changed: OwnedNotified, next_return: Option<Instant>) -> Self {
        Self {
            queued: Vec::new(),
            unasked: Vec::new(),
            failed: Vec::new(),
            changed: Box::pin(changed),
            again: None,
            returns: next_return.map(timer),
            deadline: CallContext::current_deadline().map(timer),
        }
    }

    /// Takes in one that was asked and is not ready.
    pub(super) fn queue(&mut self, candidate: Candidate<S>) {
        self.queued.push(candidate);
    }

    /// Takes in one that was asked and failed.
    pub(super) fn failed(&mut self, endpoint: Arc<Endpoint<S>>) {
        self.failed.push(endpoint);
    }

    /// Takes in those endpoints that are used and not known yet, to be asked in random order.
    pub(super) fn join(&mut self, endpoints: &[Arc<Endpoint<S>>], rng: &mut fastrand::Rng) {
        let queued = self.queued.iter().map(|candidate| &candidate.endpoint);
        let known: HashSet<_> =
            queued.chain(&self.failed).chain(&self.unasked).map(|known| known.id).collect();
        let new =
            |endpoint: &&Arc<Endpoint<S>>| endpoint.is_worth_waiting_for() && !known.contains(&endpoint.id);
        self.unasked.extend(endpoints.iter().filter(new).cloned());
        rng.shuffle(&mut self.unasked);
    }

    pub(super) const fn has_none_to_ask(&self) -> bool {
        self.queued.is_empty() && self.unasked.is_empty()
    }

    /// Waits on; `tell` is told of every endpoint that fails to become ready.
    pub(super) fn poll<Req>(
        &mut self,
        handle: &BalanceHandle<S>,
        rng: &mut fastrand::Rng,
        cx: &mut Context<'_>,
        mut tell: impl FnMut(&Endpoint<S>, &S::Error),
    ) -> Poll<Progress<S, S::Error>>
    where
        S: Service<Req>,
    {
        loop {
            let mut error = None;
            if let Some(candidate) = self.ask(cx, |endpoint, failed| {
                tell(endpoint, &failed);
                error = Some(failed);
            }) {
                return Poll::Ready(Progress::Ready(candidate));
            }
            if is_over(&mut self.deadline, cx) {
                return Poll::Ready(Progress::Refused("no endpoint was ready before the deadline"));
            }
            if is_over(&mut self.returns, cx) || self.changed.as_mut().poll(cx).is_ready() {
                if let Err(nothing) = self.catch_up(handle, rng) {
                    return Poll::Ready(Progress::Refused(nothing));
                }
                continue;
            }
            if let Some(error) = error.filter(|_| self.has_none_to_ask()) {
                return Poll::Ready(Progress::Failed(error));
            }
            if self.failed.is_empty() {
                return Poll::Pending;
            }
            self.again.get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
            if !is_over(&mut self.again, cx) {
                return Poll::Pending;
            }
            self.again = None;
            self.unasked.append(&mut self.failed);
        }
    }

    /// Asks all of them until one is ready.
    fn ask<Req>(
        &mut self,
        cx: &mut Context<'_>,
        mut tell: impl FnMut(&Endpoint<S>, S::Error),
    ) -> Option<Candidate<S>>
    where
        S: Service<Req>,
    {
        let mut place = 0;
        while place < self.queued.len() {
            match self.queued[place].service.poll_ready(cx) {
                Poll::Ready(Ok(())) => return Some(self.queued.swap_remove(place)),
                Poll::Ready(Err(error)) => {
                    let endpoint = self.queued.swap_remove(place).endpoint;
                    tell(&endpoint, error);
                    self.failed.push(endpoint);
                }
                Poll::Pending => place += 1,
            }
        }
        while let Some(endpoint) = self.unasked.pop() {
            let mut candidate = Candidate::new(&endpoint);
            match candidate.service.poll_ready(cx) {
                Poll::Ready(Ok(())) => return Some(candidate),
                Poll::Ready(Err(error)) => {
                    tell(&endpoint, error);
                    self.failed.push(endpoint);
                }
                Poll::Pending => self.queued.push(candidate),
            }
        }
        None
    }

    /// Takes over how the set has changed; the error says that nobody is left.
    fn catch_up(&mut self, handle: &BalanceHandle<S>, rng: &mut fastrand::Rng) -> Result<(), &'static str> {
        // Asked for before looking, so that no change is missed in between.
        self.changed.set(handle.changed());
        let endpoints = handle.settled(now());
        self.returns = handle.next_return().map(timer);
        self.queued.retain(|candidate| candidate.endpoint.is_worth_waiting_for());
        self.failed.retain(|endpoint| endpoint.is_worth_waiting_for());
        self.join(&endpoints, rng);
        if self.has_none_to_ask() && self.failed.is_empty() { Err(none_used(&endpoints)) } else { Ok(()) }
    }
}

/// Why there is no endpoint to call.
pub(super) const fn none_used<S>(endpoints: &[Arc<Endpoint<S>>]) -> &'static str {
    if endpoints.is_empty() { "there is no endpoint" } else { "every endpoint is ejected" }
}

fn timer(at: Instant) -> Pin<Box<Sleep>> {
    Box::pin(tokio::time::sleep_until(at.into()))
}

fn is_over(timer: &mut Timer, cx: &mut Context<'_>) -> bool {
    timer.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
}
