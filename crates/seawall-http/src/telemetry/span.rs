use http::Uri;
use seawall_core::CallContext;
use tracing::field::{Empty, display};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

use super::names::{
    ERROR, METHOD, METHOD_ORIGINAL, PROTOCOL_VERSION, RESEND_COUNT, SERVER_ADDRESS, SERVER_PORT, STATUS, URL,
};
use super::{Peer, names};
use crate::outgoing::Head;

/// Whether any subscriber could want the span of an attempt. If not, it is not begun: a disabled one has its fields put
/// together all the same where `tracing` hands them to `log`.
pub(super) fn may_be_wanted() -> bool {
    LevelFilter::current() >= Level::INFO
}

/// The span of an attempt that is about to be made; a disabled one if no subscriber wants it.
pub(super) fn of_attempt(head: &Head, peer: &Peer) -> Span {
    let method = names::method(&head.method);
    // The convention names it after the method alone where no template of the path is known.
    let name = if method == "_OTHER" { "HTTP" } else { method };
    let span = tracing::info_span!(
        target: "seawall_http",
        "http.request",
        otel.name = name,
        otel.kind = "client",
        otel.status_code = Empty,
        { METHOD } = method,
        { METHOD_ORIGINAL } = Empty,
        { SERVER_ADDRESS } = &*peer.address,
        { SERVER_PORT } = peer.port,
        { URL } = %redacted(&head.uri),
        { RESEND_COUNT } = Empty,
        { STATUS } = Empty,
        { ERROR } = Empty,
        { PROTOCOL_VERSION } = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    if method == "_OTHER" {
        span.record(METHOD_ORIGINAL, display(&head.method));
    }
    let resends = CallContext::current_attempt().map_or(0, |attempt| attempt.get() - 1);
    if resends > 0 {
        span.record(RESEND_COUNT, resends);
    }
    span
}

/// A URL without user, password, fragment, and without the values of its query, any of which may be a secret. The
/// placeholder is the convention's.
pub(super) fn redacted(uri: &Uri) -> String {
    let mut shown = String::new();
    if let Some(scheme) = uri.scheme_str() {
        shown.push_str(scheme);
        shown.push_str("://");
    }
    if let Some(authority) = uri.authority() {
        let host = match authority.as_str().rsplit_once('@') {
            None => authority.as_str(),
            Some((_, host)) => {
                shown.push_str("REDACTED:REDACTED@");
                host
            }
        };
        shown.push_str(host);
    }
    shown.push_str(uri.path());
    for (place, pair) in uri.query().into_iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if place == 0 { '?' } else { '&' });
        if let Some((name, _)) = pair.split_once('=') {
            shown.push_str(name);
            shown.push('=');
        }
        if !pair.is_empty() {
            shown.push_str("REDACTED");
        }
    }
    shown
}
