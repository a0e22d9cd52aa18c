//! Tells the server until when its answer is of use.

use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use http::header::Entry;
use seawall_core::CallContext;
use seawall_tower::DeadlineHeader;
use tower::Service;

use crate::Body;

/// Of the time that is left so much is kept for the way there and back: a tenth, and no more than this.
const MARGIN: Duration = Duration::from_millis(50);

/// Marks a request whose answer goes on and on: the time that an attempt has until it begins says nothing of its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenEnded;

/// Says in a header how much time the attempt has left.
#[derive(Clone, Debug)]
pub(crate) struct TellDeadline<S> {
    inner: S,
    /// `None` tells nothing.
    header: Option<DeadlineHeader>,
}

impl<S> TellDeadline<S> {
    pub(crate) const fn new(inner: S, header: Option<DeadlineHeader>) -> Self {
        Self { inner, header }
    }
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for TellDeadline<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        if let Some(header) = self.header
            && request.extensions().get::<OpenEnded>().is_none()
            && let Some(deadline) = CallContext::current_deadline()
            // What the caller says itself goes first.
            && let Entry::Vacant(entry) = request.headers_mut().entry(header.name())
        {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now().into_std());
            entry.insert(header.write(left.saturating_sub(MARGIN.min(left / 10))));
        }
        self.inner.call(request)
    }
}
