//! What reqwest's errors mean.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use seawall_core::{Error, FailureKind, Name};

/// An attempt that got no response. `streamed` says that the request's body could be sent only once.
pub(crate) fn of_request(error: reqwest::Error, name: Name, streamed: bool) -> Error {
    let (kind, may_have_executed, message) = if error.is_builder() {
        (FailureKind::Permanent, false, "the request is invalid")
    } else if error.is_redirect() {
        (FailureKind::Permanent, true, "gave up following redirects")
    } else if causes(&error).any(<dyn StdError>::is::<Error>) {
        // Only a request's body fails with our own error in there: its source did, not the server.
        (FailureKind::Permanent, true, "the request body failed")
    } else if error.is_connect() && error.is_timeout() {
        (FailureKind::Timeout, false, "could not connect in time")
    } else if error.is_connect() && is_tls(&error) {
        (FailureKind::Permanent, false, "could not agree on a secure connection")
    } else if error.is_connect() {
        (FailureKind::Transient, false, "could not connect")
    } else if error.is_timeout() {
        (FailureKind::Timeout, true, "no response in time")
    } else {
        (FailureKind::Transient, true, "the connection broke before the response")
    };
    let ours = Error::new(kind, "http", name).with_source(RootCause::new(error));
    let ours = if streamed && kind.is_retryable() {
        ours.with_message(format!("{message}, and the request body is a stream, which is sent only once"))
    } else {
        ours.with_message(message)
    };
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
