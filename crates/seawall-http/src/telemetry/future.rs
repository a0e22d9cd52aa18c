use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::{Response, StatusCode, Version};
use pin_project_lite::pin_project;
use seawall_core::{AttributeValue, CallContext, Error, FailureKind, Measurement};
use tracing::Span;

use super::Peer;
use super::names::{DURATION, ERROR, METHOD, PROTOCOL_VERSION, SERVER_ADDRESS, SERVER_PORT, STATUS, version};
use crate::Body;

pin_project! {
    /// The answer of an attempt that is told of.
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        record: Record,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, record: Record) -> Self {
        Self { inner, record }
    }
}

impl<F: Future<Output = Result<Response<Body>, Error>>> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = {
            let _within = this.record.span.enter();
            ready!(this.inner.poll(cx))
        };
        match &answer {
            Ok(response) => this.record.answered(response.status(), response.version()),
            Err(error) => this.record.failed(error.kind()),
        }
        Poll::Ready(answer)
    }
}

/// An attempt that is under way, and is told of once.
pub(super) struct Record {
    peer: Arc<Peer>,
    method: &'static str,
    span: Span,
    began: Instant,
    /// Until when its caller waits.
    deadline: Option<Instant>,
    done: bool,
}

impl Record {
    pub(super) fn new(peer: Arc<Peer>, method: &'static str, span: Span) -> Self {
        Self { peer, method, span, began: now(), deadline: CallContext::current_deadline(), done: false }
    }

    fn answered(&mut self, status: StatusCode, spoken: Version) {
        let failed = status.is_client_error() || status.is_server_error();
        let error = failed.then(|| status.as_str());
        self.span.record(STATUS, status.as_u16());
        self.span.record(PROTOCOL_VERSION, version(spoken));
        self.end(Some((status, spoken)), error, now());
    }

    fn failed(&mut self, kind: FailureKind) {
        if kind == FailureKind::Cancelled {
            self.done = true;
        } else {
            self.end(None, Some(kind.as_str()), now());
        }
    }

    fn end(&mut self, answer: Option<(StatusCode, Version)>, error: Option<&str>, now: Instant) {
        self.done = true;
        if let Some(error) = error {
            self.span.record(ERROR, error);
            self.span.record("otel.status_code", "ERROR");
        }
        let mut attributes = [(METHOD, AttributeValue::Text(self.method)); 6];
        attributes[1] = (SERVER_ADDRESS, AttributeValue::Text(&self.peer.address));
        attributes[2] = (SERVER_PORT, AttributeValue::Number(self.peer.port.into()));
        let mut known = 3;
        let mut add = |name, value| {
            attributes[known] = (name, value);
            known += 1;
        };
        if let Some((status, spoken)) = answer {
            add(STATUS, AttributeValue::Number(status.as_u16().into()));
            add(PROTOCOL_VERSION, AttributeValue::Text(version(spoken)));
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
