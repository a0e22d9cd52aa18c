//! What every subject guards: a service that costs next to nothing, the same for ours and for peers.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use seawall_core::{Error, FailureKind};
use tower::Service;

/// The request that fails.
pub(crate) const FAILING: u64 = u64::MAX;

/// How the services of a group answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    /// Whether an answer is pending at its first poll, and woken at once: then layers cannot save their clocks and
    /// timers.
    pub(crate) pends: bool,
}

impl Backend {
    /// A service that fails with Seawall's error: what our layers guard.
    pub(crate) const fn ours(self) -> Inner<Error> {
        self.service()
    }

    /// A service that fails with another error: what peers guard.
    pub(crate) const fn theirs(self) -> Inner<io::Error> {
        self.service()
    }

    pub(crate) const fn service<E>(self) -> Inner<E> {
        Inner { pends: self.pends, error: PhantomData }
    }
}

/// An error that the backend fails with. It is a word wide, whoever's it is.
pub(crate) trait Failing {
    fn failed() -> Self;
}

impl Failing for Error {
    fn failed() -> Self {
        Self::new(FailureKind::Transient, "bench", "backend")
    }
}

impl Failing for io::Error {
    fn failed() -> Self {
        Self::other("failed")
    }
}

/// Answers each request with the number after it.
#[derive(Debug)]
pub(crate) struct Inner<E> {
    pends: bool,
    error: PhantomData<fn() -> E>,
}

impl<E> Clone for Inner<E> {
    fn clone(&self) -> Self {
        Self { pends: self.pends, error: PhantomData }
    }
}

impl<E: Failing> Service<u64> for Inner<E> {
    type Response = u64;
    type Error = E;
    type Future = Answer<E>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Answer<E> {
        Answer { request, pends: self.pends, error: PhantomData }
    }
}

/// The answer to one request.
#[derive(Debug)]
pub(crate) struct Answer<E> {
    request: u64,
    pends: bool,
    error: PhantomData<fn() -> E>,
}

impl<E: Failing> Future for Answer<E> {
    type Output = Result<u64, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.pends) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(if self.request == FAILING { Err(E::failed()) } else { Ok(self.request + 1) })
    }
}
