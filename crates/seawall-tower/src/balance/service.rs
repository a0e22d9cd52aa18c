use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use seawall_core::{ByKind, Classify, EndpointId, Refusal};
use tower_service::Service;

use super::BalanceHandle;
use super::been::Been;
use super::endpoint::Endpoint;
use super::future::ResponseFuture;
use super::visit::Visit;
use super::waiting::{Candidate, Progress, Waiting, none_used};
use crate::clock::{WayIn, now};

/// Sends each call to one of several endpoints. See the [module](super).
pub struct Balance<S, C = ByKind> {
    handle: BalanceHandle<S>,
    classifier: C,
    rng: fastrand::Rng,
    state: State<S>,
    been: Been,
}

enum State<S> {
    Idle,
    /// None was ready.
    Waiting(Waiting<S>),
    Ready(Candidate<S>),
    Refused(&'static str),
}

impl<S> Balance<S> {
    /// Chooses from these endpoints, and takes every response for a success and every error at its word ([`ByKind`]).
    pub fn new(handle: BalanceHandle<S>) -> Self {
        Self { rng: handle.rng(), handle, classifier: ByKind, state: State::Idle, been: Been::default() }
    }

    /// The same for one call, however many instances its attempts are made by: clones know where the others have been. A
    /// [retry](crate::Retry) makes each attempt by another clone.
    pub fn for_one_call(handle: BalanceHandle<S>) -> Self {
        Self { been: Been::of_one_call(), ..Self::new(handle) }
    }
}

impl<S, C> Balance<S, C> {
    /// Says how results are judged.
    pub fn classifier<D>(self, classifier: D) -> Balance<S, D> {
        Balance { handle: self.handle, classifier, rng: self.rng, state: State::Idle, been: self.been }
    }

    /// The endpoints.
    pub const fn handle(&self) -> &BalanceHandle<S> {
        &self.handle
    }
}

// By hand, because a clone has chosen nothing, and chooses by chance of its own.
impl<S, C: Clone> Clone for Balance<S, C> {
    fn clone(&self) -> Self {
        let (handle, classifier) = (self.handle.clone(), self.classifier.clone());
        Self { rng: handle.rng(), handle, classifier, state: State::Idle, been: self.been.clone() }
    }
}

impl<S, C, Req> Service<Req> for Balance<S, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        loop {
            let next = match &mut self.state {
                State::Ready(_) | State::Refused(_) => return Poll::Ready(Ok(())),
                State::Idle => self.choose(cx),
                State::Waiting(waiting) => {
                    let (handle, classifier) = (&self.handle, &self.classifier);
                    let tell = |endpoint: &_, error: &_| failed(handle, classifier, endpoint, error);
                    match ready!(waiting.poll(handle, &mut self.rng, cx, tell)) {
                        Progress::Ready(candidate) => Ok(State::Ready(candidate)),
                        Progress::Refused(reason) => Ok(State::Refused(reason)),
                        Progress::Failed(error) => Err(error),
                    }
                }
            };
            match next {
                Ok(state) => self.state = state,
                Err(error) => {
                    self.state = State::Idle;
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Ready(Candidate { endpoint, mut service }) => {
                self.been.goes_to(endpoint.id);
                // The visit exists before the inner future: a panic in the inner `call` ends it.
                let visit = Visit::new(self.handle.clone(), endpoint);
                ResponseFuture::calling(service.call(request), visit, self.classifier.clone(), way_in.place())
            }
            State::Refused(reason) => ResponseFuture::refused(self.handle.refusal(reason, now())),
            State::Idle | State::Waiting(_) => panic!("`poll_ready` must say ready before `call`"),
        }
    }
}

impl<S, C> Balance<S, C> {
    /// Asks the better of two endpoints taken by chance whether it is ready, and if it is not, all the others.
    fn choose<Req>(&mut self, cx: &mut Context<'_>) -> Result<State<S>, S::Error>
    where
        S: Service<Req> + Clone,
        C: Classify<S::Response, S::Error>,
    {
        // Asked for before looking, so that no change is missed in between.
        let changed = self.handle.changed();
        let now = now();
        let endpoints = self.handle.settled(now);
        let Some(place) = pick(&endpoints, self.been.so_far(), &mut self.rng, now) else {
            return Ok(State::Refused(none_used(&endpoints)));
        };
        let mut best = Candidate::new(&endpoints[place]);
        let ready = best.service.poll_ready(cx);
        if let Poll::Ready(Ok(())) = ready {
            return Ok(State::Ready(best));
        }
        let mut waiting = Waiting::new(changed, self.handle.next_return());
        if let Poll::Ready(Err(error)) = ready {
            failed(&self.handle, &self.classifier, &best.endpoint, &error);
            waiting.failed(best.endpoint);
            waiting.join(&endpoints, &mut self.rng);
            if waiting.has_none_to_ask() {
                return Err(error);
            }
        } else {
            waiting.queue(best);
            waiting.join(&endpoints, &mut self.rng);
        }
        Ok(State::Waiting(waiting))
    }
}

/// An endpoint that fails to become ready has failed.
fn failed<S, C, Req>(handle: &BalanceHandle<S>, classifier: &C, endpoint: &Endpoint<S>, error: &S::Error)
where
    S: Service<Req>,
    C: Classify<S::Response, S::Error>,
{
    let outcome = classifier.classify(Err(error));
    handle.record(endpoint, endpoint.epoch(), outcome, Duration::ZERO, now());
}

/// The better of two used endpoints taken by chance: the power of two choices (M. Mitzenmacher, 2001).
/// Where the call has been `before`, it goes only if there is no other, and then to where it was longest ago.
fn pick<S>(
    endpoints: &[Arc<Endpoint<S>>],
    before: &[EndpointId],
    rng: &mut fastrand::Rng,
    now: Instant,
) -> Option<usize> {
    let last_visit = |endpoint: &Endpoint<S>| before.iter().rposition(|id| *id == endpoint.id);
    let suits =
        |endpoint: &Endpoint<S>| endpoint.is_used() && last_visit(endpoint).is_none() && !endpoint.refuses();
    // Chance may hit ejected ones; a few tries find the used ones without a list of them.
    for _ in 0..4 {
        let (first, second) = match endpoints.len() {
            0 => return None,
            1 => (0, 0),
            n => {
                let first = rng.usize(..n);
                (first, (first + rng.usize(1..n)) % n)
            }
        };
        let (one, other) = (&endpoints[first], &endpoints[second]);
        match (suits(one), suits(other)) {
            (true, true) => {
                return Some(if first != second && other.load(now) < one.load(now) { second } else { first });
            }
            (true, false) => return Some(first),
            (false, true) => return Some(second),
            (false, false) => {}
        }
    }
    let used = endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.is_used());
    // One where the call has been before is better than one that refuses it.
    let rank = |endpoint: &Endpoint<S>| (endpoint.refuses(), last_visit(endpoint));
    let loads = used.map(|(place, endpoint)| (place, (rank(endpoint), endpoint.load(now))));
    loads
        .min_by(|(_, one), (_, other)| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
        .map(|(place, _)| place)
}

impl<S, C> fmt::Debug for Balance<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance").field("handle", &self.handle).finish_non_exhaustive()
    }
}
