use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;
use seawall_core::{AttributeValue, Error, FailureKind, Measurement};
use tracing::Span;

use super::Peer;
use super::names::{
    DURATION, ERROR, NAMESPACE, OPERATION, REDIS, SERVER_ADDRESS, SERVER_PORT, STATUS, SYSTEM,
};
use crate::classify;

pin_project! {
    /// The answer of an attempt, which is told of if anybody listens.
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        record: Option<Record>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, record: Option<Record>) -> Self {
        Self { inner, record }
    }
}

impl<F: Future<Output = Result<R, Error>>, R> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(record) = this.record else { return this.inner.poll(cx) };
        let answer = {
            let _within = record.span.enter();
            ready!(this.inner.poll(cx))
        };
        record.answered(&answer);
        Poll::Ready(answer)
    }
}

/// An attempt that is under way, and is told of once.
pub(crate) struct Record {
    peer: Arc<Peer>,
    operation: &'static str,
    span: Span,
    began: Instant,
    /// Until when its caller waits.
    deadline: Option<Instant>,
    done: bool,
}

impl Record {
    pub(super) fn new(
        peer: Arc<Peer>,
        operation: &'static str,
        span: Span,
        deadline: Option<Instant>,
    ) -> Self {
        Self { peer, operation, span, began: now(), deadline, done: false }
    }

    /// Tells how the attempt ended.
    pub(crate) fn answered<R>(&mut self, answer: &Result<R, Error>) {
        match answer {
            Ok(_) => self.end(None, None, now()),
            Err(error) if error.kind() == FailureKind::Cancelled => self.done = true,
            Err(error) => {
                let code = classify::code_of(error);
                self.end(code, Some(code.unwrap_or(error.kind().as_str())), now());
            }
        }
    }

    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    fn end(&mut self, code: Option<&'static str>, error: Option<&'static str>, now: Instant) {
        self.done = true;
        if let Some(code) = code {
            self.span.record(STATUS, code);
        }
        if let Some(error) = error {
            self.span.record(ERROR, error);
            self.span.record("otel.status_code", "ERROR");
        }
        if !self.peer.is_measured {
            return;
        }
        let mut attributes = [(SYSTEM, AttributeValue::Text(REDIS)); 7];
        attributes[1] = (OPERATION, AttributeValue::Text(self.operation));
        attributes[2] = (NAMESPACE, AttributeValue::Text(&self.peer.database));
        attributes[3] = (SERVER_ADDRESS, AttributeValue::Text(&self.peer.address));
        let mut known = 4;
        let mut add = |name, value| {
            attributes[known] = (name, value);
            known += 1;
        };
        if let Some(port) = self.peer.port {
            add(SERVER_PORT, AttributeValue::Number(port.into()));
        }
        if let Some(code) = code {
            add(STATUS, AttributeValue::Text(code));
        }
        if let Some(error) = error {
            add(ERROR, AttributeValue::Text(error));
        }
        let elapsed = now.saturating_duration_since(self.began);
        let attributes = &attributes[..known];
        self.peer.observer.measure(&Measurement { metric: DURATION, elapsed, attributes });
    }
}

impl Drop for Record {
    /// An attempt that is dropped after its deadline was cut for being slow. Any other was given up, by its caller or
    /// because another was faster: nobody knows how it would have ended, so nothing is said of it.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let now = now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.end(None, Some(FailureKind::Timeout.as_str()), now);
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
