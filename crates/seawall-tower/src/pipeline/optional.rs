use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::concurrency_limit::ConcurrencyLimit;
use crate::rate_limit::RateLimit;

/// Whether the layers of one target that share it are on. Changed live.
#[derive(Clone, Debug)]
pub(super) struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(super) fn new(on: bool) -> Self {
        Self(Arc::new(AtomicBool::new(on)))
    }

    pub(super) fn turn(&self, on: bool) {
        // Nothing else hangs on it, so no order is asked for.
        self.0.store(on, Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// A layer's service that can be off: calls then go past it to the service inside of it, and cost a look at a switch.
#[derive(Debug)]
pub struct Optional<L> {
    layer: L,
    switch: Switch,
    // Decided when the call is polled for readiness, so that it is made where it became ready.
    on: Option<bool>,
}

/// What there is to go past: a service with another inside.
pub trait Around {
    /// The service inside.
    type Inner;

    /// The service inside, to be called in place of the one around it.
    fn inside(&mut self) -> &mut Self::Inner;

    /// Whether calls must not go past it at present though it is off.
    fn is_needed(&self) -> bool {
        false
    }
}

impl<S, C> Around for ConcurrencyLimit<S, C> {
    type Inner = S;

    fn inside(&mut self) -> &mut S {
        self.get_mut()
    }
}

impl<S, C> Around for RateLimit<S, C> {
    type Inner = S;

    fn inside(&mut self) -> &mut S {
        self.get_mut()
    }

    /// A backend that has asked for a pause gets it, limit or no limit.
    fn is_needed(&self) -> bool {
        self.limiter().is_paused()
    }
}

impl<L> Optional<L> {
    pub(super) const fn new(layer: L, switch: Switch) -> Self {
        Self { layer, switch, on: None }
    }

    pub(super) const fn get_ref(&self) -> &L {
        &self.layer
    }

    pub(super) const fn get_mut(&mut self) -> &mut L {
        &mut self.layer
    }

    pub(super) fn into_inner(self) -> L {
        self.layer
    }
}

// By hand, because nothing is decided for a clone.
impl<L: Clone> Clone for Optional<L> {
    fn clone(&self) -> Self {
        Self::new(self.layer.clone(), self.switch.clone())
    }
}

impl<L, Req> Service<Req> for Optional<L>
where
    L: Around + Service<Req>,
    L::Inner: Service<Req, Response = L::Response, Error = L::Error>,
{
    type Response = L::Response;
    type Error = L::Error;
    type Future = ResponseFuture<L::Future, <L::Inner as Service<Req>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), L::Error>> {
        if *self.on.get_or_insert_with(|| self.switch.is_on() || self.layer.is_needed()) {
            self.layer.poll_ready(cx)
        } else {
            self.layer.inside().poll_ready(cx)
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if self.on.take().unwrap_or_else(|| self.switch.is_on() || self.layer.is_needed()) {
            ResponseFuture::Through { inner: self.layer.call(request) }
        } else {
            ResponseFuture::Past { inner: self.layer.inside().call(request) }
        }
    }
}

pin_project! {
    /// The answer of the layer, or of what is inside of it. Cancel safe if both are.
    #[project = Projected]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub enum ResponseFuture<F, G> {
        Through { #[pin] inner: F },
        Past { #[pin] inner: G },
    }
}

impl<F: Future, G: Future<Output = F::Output>> Future for ResponseFuture<F, G> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Projected::Through { inner } => inner.poll(cx),
            Projected::Past { inner } => inner.poll(cx),
        }
    }
}
