use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{ByKind, Classify, Refusal};
use tower_layer::Layer;
use tower_service::Service;

use super::FailedPassage;
use super::future::ResponseFuture;
use super::hedged::Boxed;
use super::optional::Optional;
use super::target::Target;
use crate::Replay;
use crate::clock::{Stopwatch, WayIn};
use crate::deadline::Deadline;
use crate::hedge::Hedge;
use crate::retry::Retry;

/// Puts the part of a target's stack around services that guards whole calls: deadline → retry → hedge. Made by
/// [`Pipeline::call_layer`](super::Pipeline::call_layer).
#[derive(Debug)]
pub struct CallLayer<C = ByKind> {
    target: Arc<Target<C>>,
}

impl<C> CallLayer<C> {
    pub(super) const fn new(target: Arc<Target<C>>) -> Self {
        Self { target }
    }
}

impl<C> Clone for CallLayer<C> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.target))
    }
}

impl<S, C: Clone> Layer<S> for CallLayer<C> {
    type Service = CallService<S, C>;

    fn layer(&self, inner: S) -> CallService<S, C> {
        CallService::new(inner, Arc::clone(&self.target))
    }
}

/// A service inside of what guards whole calls to one target. See the [module](super).
#[derive(Debug)]
pub struct CallService<S, C = ByKind> {
    stack: Deadline<Retry<Hedged<S, C>, C>>,
    target: Arc<Target<C>>,
}

/// What the retry repeats.
pub(super) type Hedged<S, C> = Optional<Boxed<Hedge<S, C>>>;

impl<S, C> CallService<S, C> {
    pub(super) fn new(inner: S, target: Arc<Target<C>>) -> Self {
        let hedged = Boxed::new(Hedge::new(inner, Arc::clone(&target.hedge_settings)));
        let hedged = Optional::new(hedged, target.hedges.clone());
        let stack = target.deadline.layer(Retry::new(hedged, target.retry.clone()));
        Self { stack, target }
    }

    /// The same right around the attempts of the target, where nothing foreign stands between.
    pub(super) fn around_attempts(attempts: S, target: Arc<Target<C>>) -> Self {
        let Self { stack, target } = Self::new(attempts, target);
        Self { stack: stack.woken_by(&target.attempt_timeout.handle()), target }
    }

    /// The service inside of the stack.
    pub const fn get_ref(&self) -> &S {
        self.stack.get_ref().get_ref().get_ref().get_ref().get_ref()
    }

    /// The service inside of the stack, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        self.stack.get_mut().get_mut().get_mut().get_mut().get_mut()
    }

    /// Takes the service out of the stack.
    pub fn into_inner(self) -> S {
        self.stack.into_inner().into_inner().into_inner().into_inner().into_inner()
    }
}

impl<S, C> CallService<S, C> {
    pub(super) fn resume<Req>(
        &mut self,
        request: Req,
        error: S::Error,
        FailedPassage { began }: FailedPassage,
    ) -> ResponseFuture<S, Req, C>
    where
        S: Service<Req> + Clone,
        S::Error: From<Refusal>,
        C: Classify<S::Response, S::Error> + Replay<Req>,
    {
        let way_in = WayIn::open();
        let resumed = self.stack.resume(began, |retry| retry.resume(request, error, began));
        ResponseFuture::new(resumed, Arc::clone(&self.target), way_in.place(), Stopwatch::since(began))
    }
}

impl<S: Clone, C> Clone for CallService<S, C> {
    fn clone(&self) -> Self {
        Self { stack: self.stack.clone(), target: Arc::clone(&self.target) }
    }
}

impl<S, C, Req> Service<Req> for CallService<S, C>
where
    S: Service<Req> + Clone,
    S::Error: From<Refusal>,
    C: Classify<S::Response, S::Error> + Replay<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let way_in = WayIn::open();
        let watch = Stopwatch::new();
        ResponseFuture::new(self.stack.call(request), Arc::clone(&self.target), way_in.place(), watch)
    }
}
