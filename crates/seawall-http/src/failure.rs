//! What reqwest's errors mean.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use seawall_core::{Error, FailureKind, Name};

use crate::guard::PrivateName;

/// An attempt that got no response.
pub(crate) fn of_request(error: reqwest::Error, name: Name) -> Error {
    use FailureKind::{Permanent, Refused, Timeout, Transient};
    let find = |is: fn(&(dyn StdError + 'static)) -> bool| causes(&error).any(is);
    let (kind, may_have_executed, message) = if error.is_builder() {
        (Permanent, false, "the request is invalid")
    } else if find(<dyn StdError>::is::<PrivateName>) {
        (Refused, false, "the host is not called")
    } else if find(<dyn StdError>::is::<Error>) {
        // Only a request's body fails with our own error in there: its source did, not the server.
        (Permanent, true, "the request body failed")
    } else if find(is_too_large) {
        (Refused, true, "the response has more or longer headers than a client of HTTP/1 reads")
    } else if find(is_not_looked_at) {
        (Transient, false, "the server turned the request away unread")
    } else if error.is_connect() && error.is_timeout() {
        (Timeout, false, "could not connect in time")
    } else if error.is_connect() && is_tls(&error) {
        (Permanent, false, "could not agree on a secure connection")
    } else if error.is_connect() {
        (Transient, false, "could not connect")
    } else if error.is_timeout() {
        (Timeout, true, "no response in time")
    } else {
        (Transient, true, "the connection broke before the response")
    };
    let ours = Error::new(kind, "http", name).with_message(message).with_source(RootCause::new(error));
    if may_have_executed { ours } else { ours.not_executed() }
}

/// A response whose body ended before it was whole.
pub(crate) fn of_response_body(error: reqwest::Error, name: Name) -> Error {
    let (kind, message) = if error.is_timeout() {
        (FailureKind::Timeout, "the response body did not arrive in time")
    } else {
        (FailureKind::Transient, "the response body broke off")
    };
    Error::new(kind, "http", name).with_message(message).with_source(RootCause::new(error))
}

/// A `reqwest::Error` that shows what lies at the bottom of it (`connection refused`), where reqwest itself shows
/// the top (`error sending request`), and that has lost its URL, which may hold secrets.
/// The whole chain is still there by `source`.
#[derive(Debug)]
pub(crate) struct RootCause(reqwest::Error);

impl RootCause {
    pub(crate) fn new(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}

impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match causes(&self.0).last() {
            Some(root) => write!(f, "{root}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl StdError for RootCause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// More than hyper's own limit, which stands behind those of the guards.
fn is_too_large(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large)
}

/// A server that shuts down gracefully, or refuses the stream: it says that it did nothing with the request
/// ([RFC 9113 §8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)).
fn is_not_looked_at(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref::<h2::Error>().is_some_and(|error| {
        error.is_remote()
            && match error.reason() {
                Some(h2::Reason::NO_ERROR) => error.is_go_away(),
                Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
                _ => false,
            }
    })
}

/// A broken certificate, or a server that does not speak TLS, stays what it is; the rest may pass.
/// rustls reports both through `io::ErrorKind::InvalidData`.
fn is_tls(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::InvalidData)
}

/// The error and everything that caused it, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |&cause| match cause.downcast_ref::<io::Error>() {
        // An I/O error's `source` skips the error that it wraps.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => cause.source(),
    })
}
