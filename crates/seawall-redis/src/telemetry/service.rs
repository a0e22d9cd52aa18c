use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use seawall_core::{CallContext, Error, Observer};
use tower::Service;
use tracing::Span;
use tracing::field::Empty;

use super::future::{Record, ResponseFuture};
use super::names::{
    BATCH_SIZE, ERROR, NAMESPACE, OPERATION, REDIS, SERVER_ADDRESS, SERVER_PORT, STATUS, SYSTEM,
};
use crate::dial::Dialer;
use crate::request::Action;
use crate::{Reply, Request};

/// The port that goes without saying.
const USUAL_PORT: u16 = 6379;

/// Tells an observer of each attempt at one server.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    peer: Arc<Peer>,
}

/// The server, as all who tell of it share it.
pub(crate) struct Peer {
    pub(super) address: Box<str>,
    /// Unless it is the usual one.
    pub(super) port: Option<u16>,
    pub(super) database: Box<str>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) is_measured: bool,
}

impl Peer {
    pub(crate) fn new(dialer: &Dialer, observer: Arc<dyn Observer>) -> Self {
        let (address, port, database) = dialer.place();
        let is_measured = observer.wants_measurements();
        Self {
            address: address.into(),
            port: port.filter(|port| *port != USUAL_PORT),
            database: database.to_string().into(),
            observer,
            is_measured,
        }
    }

    /// What is to be told of an attempt that is about to be made and may take until then, if anybody listens.
    pub(crate) fn record(self: &Arc<Self>, request: &Request, until: Option<Instant>) -> Option<Record> {
        let span = if self.observer.wants_span() { self.span(request) } else { Span::none() };
        if span.is_disabled() && !self.is_measured {
            return None;
        }
        Some(Record::new(Arc::clone(self), request.name(), span, until))
    }

    /// The span of an attempt that is about to be made; a disabled one if no subscriber wants it, at next to no cost.
    fn span(&self, request: &Request) -> Span {
        let name = request.name();
        let span = tracing::info_span!(
            target: "seawall_redis",
            "redis.command",
            otel.name = name,
            otel.kind = "client",
            otel.status_code = Empty,
            { SYSTEM } = REDIS,
            { OPERATION } = name,
            { NAMESPACE } = &*self.database,
            { BATCH_SIZE } = Empty,
            { SERVER_ADDRESS } = &*self.address,
            { SERVER_PORT } = self.port,
            { STATUS } = Empty,
            { ERROR } = Empty,
        );
        if let Action::Pipelined(pipeline) = request.action()
            && pipeline.len() != 1
            && !span.is_disabled()
        {
            span.record(BATCH_SIZE, pipeline.len());
        }
        span
    }
}

impl<S> Observed<S> {
    pub(crate) const fn new(inner: S, peer: Arc<Peer>) -> Self {
        Self { inner, peer }
    }
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Response = Reply, Error = Error>,
{
    type Response = Reply;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Some(record) = self.peer.record(&request, CallContext::current_deadline()) else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        // The record was made before the attempt is: a panic in there ends it too.
        let inner = record.span().in_scope(|| self.inner.call(request));
        ResponseFuture::new(inner, Some(record))
    }
}

impl<S> fmt::Debug for Observed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("address", &self.peer.address).finish_non_exhaustive()
    }
}
