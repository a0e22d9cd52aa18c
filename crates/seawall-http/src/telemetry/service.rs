use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Response};
use seawall_core::{Error, Observer};
use seawall_tower::clock::WayIn;
use tower::Service;
use tracing::Span;

use super::future::{Record, ResponseFuture};
use super::span;
use crate::Body;
use crate::outgoing::Outgoing;
use crate::target::without_brackets;

/// Tells an observer of each attempt at one server, and the server of the trace that it belongs to.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    peer: Arc<Peer>,
}

/// The server, as all who tell of it share it.
pub(crate) struct Peer {
    pub(super) address: Box<str>,
    pub(super) port: u16,
    pub(super) observer: Arc<dyn Observer>,
    /// Whether the observer takes note of measurements.
    pub(super) measures: bool,
}

impl Peer {
    /// The server of a key of policies: `scheme://host:port`.
    pub(crate) fn of_key(key: &str, observer: Arc<dyn Observer>) -> Self {
        let authority = key.split_once("://").map_or(key, |(_, authority)| authority);
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let measures = observer.wants_measurements();
        Self { address: without_brackets(host).into(), port: port.parse().unwrap_or(0), observer, measures }
    }
}

impl<S> Observed<S> {
    pub(crate) const fn new(inner: S, peer: Arc<Peer>) -> Self {
        Self { inner, peer }
    }

    pub(crate) const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S> Service<Outgoing> for Observed<S>
where
    S: Service<Outgoing, Response = Response<Body>, Error = Error>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Outgoing) -> Self::Future {
        let observer = &self.peer.observer;
        let wanted = span::may_be_wanted() && observer.wants_span();
        let span = if wanted { span::of_attempt(&request.head, &self.peer) } else { Span::none() };
        let entered = span.enter();
        observer.trace_headers(&mut |name, value| {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                request.add(name, value);
            }
        });
        // Before the attempt is made: a panic in there ends it too.
        let way_in = WayIn::open();
        let record = Record::of_attempt(&self.peer, &request.head.method, span.clone(), &way_in);
        let inner = self.inner.call(request);
        drop(entered);
        ResponseFuture::new(inner, record)
    }
}

impl<S> fmt::Debug for Observed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("address", &self.peer.address)
            .field("port", &self.peer.port)
            .finish_non_exhaustive()
    }
}
