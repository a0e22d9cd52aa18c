//! The door that every call of every client passes, so that a shutdown can close it and wait for those inside.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use seawall_core::{FailureKind, Refusal};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::{Layer, Service};

/// Lets calls through until it is closed, and counts those that are inside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    inside: TaskTracker,
    closed: Arc<AtomicBool>,
}

impl Gate {
    /// The layer that puts this gate in front of a client.
    pub(crate) fn layer(&self, client: &'static str) -> GateLayer {
        GateLayer { gate: self.clone(), client }
    }

    /// Refuses calls from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.inside.close();
    }

    /// Waits until everybody inside has left. Cancel safe.
    pub(crate) async fn drained(&self) {
        self.inside.wait().await;
    }

    /// How many calls are inside.
    pub(crate) fn inside(&self) -> usize {
        self.inside.len()
    }

    /// Enters, or says that the gate is closed.
    pub(crate) fn enter(&self, client: &'static str) -> Result<TaskTrackerToken, Refusal> {
        // The token first, the question second: a call that `close` did not see has seen `close`.
        let token = self.inside.token();
        if self.closed.load(Ordering::SeqCst) {
            return Err(Refusal::new("shutdown", client, FailureKind::Refused, "the system is shutting down"));
        }
        Ok(token)
    }
}

/// Puts a [`Gate`] in front of a service.
#[derive(Clone, Debug)]
pub(crate) struct GateLayer {
    gate: Gate,
    client: &'static str,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { inner, gate: self.gate.clone(), client: self.client }
    }
}

/// A service behind a [`Gate`].
#[derive(Clone, Debug)]
pub(crate) struct Gated<S> {
    inner: S,
    gate: Gate,
    client: &'static str,
}

impl<S, Request> Service<Request> for Gated<S>
where
    S: Service<Request>,
    S::Error: From<Refusal>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GatedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.gate.enter(self.client) {
            Ok(token) => GatedFuture::Inside { inner: self.inner.call(request), token },
            Err(refusal) => GatedFuture::Refused { refusal: Some(refusal) },
        }
    }
}

pin_project! {
    /// The response of a [`Gated`] service.
    #[project = Projected]
    pub(crate) enum GatedFuture<F> {
        Inside { #[pin] inner: F, token: TaskTrackerToken },
        Refused { refusal: Option<Refusal> },
    }
}

impl<F, Response, Error> Future for GatedFuture<F>
where
    F: Future<Output = Result<Response, Error>>,
    Error: From<Refusal>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Inside { inner, .. } => inner.poll(cx),
            Projected::Refused { refusal } => {
                Poll::Ready(Err(refusal.take().expect("a future is not polled after it is ready").into()))
            }
        }
    }
}
