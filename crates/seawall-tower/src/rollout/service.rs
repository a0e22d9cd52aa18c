use std::task::{Context, Poll};

use seawall_core::{Arm, ByKind, Classify};
use tower::ServiceExt;
use tower::util::Either;
use tower_service::Service;

use super::future::ResponseFuture;
use super::trial::Trial;
use super::way_in::OnTheWayIn;
use super::{ByTurns, Place, RolloutHandle};
use crate::clock::WayIn;

/// Splits calls between a stable and a canary stack. See the [module](super).
#[derive(Clone, Debug)]
pub struct Rollout<A, B, P = ByTurns, C = ByKind> {
    handle: RolloutHandle,
    stable: A,
    canary: B,
    place: P,
    classifier: C,
}

impl<A, B> Rollout<A, B> {
    /// Splits calls by turns, and takes every response for a success and every error at its word ([`ByKind`]).
    pub const fn new(handle: RolloutHandle, stable: A, canary: B) -> Self {
        Self { handle, stable, canary, place: ByTurns, classifier: ByKind }
    }
}

impl<A, B, P, C> Rollout<A, B, P, C> {
    /// Places calls by a hash of something in the request, such as the user: see [`stable_hash`](super::stable_hash).
    pub fn sticky<F>(self, key: F) -> Rollout<A, B, F, C> {
        let Self { handle, stable, canary, classifier, .. } = self;
        Rollout { handle, stable, canary, place: key, classifier }
    }

    /// Says how results are judged.
    pub fn classifier<D>(self, classifier: D) -> Rollout<A, B, P, D> {
        let Self { handle, stable, canary, place, .. } = self;
        Rollout { handle, stable, canary, place, classifier }
    }

    /// The stable stack.
    pub const fn stable(&self) -> &A {
        &self.stable
    }

    /// The canary.
    pub const fn canary(&self) -> &B {
        &self.canary
    }
}

impl<A, B, P, C, Req> Service<Req> for Rollout<A, B, P, C>
where
    A: Service<Req> + Clone,
    B: Service<Req, Response = A::Response, Error = A::Error> + Clone,
    P: Place<Req>,
    C: Classify<A::Response, A::Error> + Clone,
{
    type Response = A::Response;
    type Error = A::Error;
    type Future = ResponseFuture<A, B, Req, C>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), A::Error>> {
        // Which stack has to be ready is known with the request.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        let (arm, epoch) = self.handle.choose(self.place.key(&request));
        let service = match arm {
            Arm::Stable => Either::Left(self.stable.clone()),
            Arm::Canary => Either::Right(self.canary.clone()),
        };
        let trial = Trial::new(self.handle.clone(), arm, epoch);
        let inner = OnTheWayIn(service).oneshot(request);
        ResponseFuture::new(inner, trial, self.classifier.clone(), way_in.place())
    }
}
