use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::{Method, Response, StatusCode, Version};
use pin_project_lite::pin_project;
use seawall_core::{AttributeValue, CallContext, Error, FailureKind, Measurement};
use seawall_tower::clock::{Place, WayIn, now};
use tracing::Span;

use super::Peer;
use super::names::{
    self, DURATION, ERROR, METHOD, PROTOCOL_VERSION, SERVER_ADDRESS, SERVER_PORT, STATUS, version,
};
use crate::Body;

pin_project! {
    /// The answer of an attempt that is told of.
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // None if there is nobody to tell.
        // In a box, because it would be moved through every layer.
        record: Option<Box<Record>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, record: Option<Box<Record>>) -> Self {
        Self { inner, record }
    }
}

impl<F: Future<Output = Result<Response<Body>, Error>>> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(record) = this.record else { return this.inner.poll(cx) };
        let way_out = record.place.way_out();
        let answer = {
            let _within = record.span.enter();
            ready!(this.inner.poll(cx))
        };
        match &answer {
            Ok(response) => record.answered(response.status(), response.version(), way_out.now()),
            Err(error) => record.failed(error.kind(), way_out.now()),
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
    place: Place,
    /// Until when its caller waits.
    deadline: Option<Instant>,
    done: bool,
}

impl Record {
    /// That of an attempt that is about to be made, unless there is nobody to tell.
    pub(super) fn of_attempt(
        peer: &Arc<Peer>,
        method: &Method,
        span: Span,
        way_in: &WayIn,
    ) -> Option<Box<Self>> {
        if !peer.measures && span.is_disabled() {
            return None;
        }
        let (peer, method) = (Arc::clone(peer), names::method(method));
        let (began, deadline, place) = (now(), CallContext::current_deadline(), way_in.place());
        Some(Box::new(Self { peer, method, span, began, place, deadline, done: false }))
    }

    fn answered(&mut self, status: StatusCode, spoken: Version, now: Instant) {
        let failed = status.is_client_error() || status.is_server_error();
        let error = failed.then(|| status.as_str());
        self.span.record(STATUS, status.as_u16());
        self.span.record(PROTOCOL_VERSION, version(spoken));
        self.end(Some((status, spoken)), error, now);
    }

    fn failed(&mut self, kind: FailureKind, now: Instant) {
        if kind == FailureKind::Cancelled {
            self.done = true;
        } else {
            self.end(None, Some(kind.as_str()), now);
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
