//! What the errors of hyper and reqwest mean.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use hyper_util::client::legacy;
use seawall_core::{BoxError, Error, FailureKind, Name};

use crate::connect::ConnectTimedOut;
use crate::guard::PrivateName;
use crate::transport::NotHttps;

/// An attempt that got no response.
pub(crate) fn of_request(error: BoxError, name: Name) -> Error {
    use FailureKind::{Permanent, Refused, Timeout, Transient};
    let find = |is: fn(&(dyn StdError + 'static)) -> bool| causes(&*error).any(is);
    let (kind, may_have_executed, message) = if is_invalid(&*error) {
        (Permanent, false, "the request is invalid")
    } else if find(<dyn StdError>::is::<Error>) {
        // Only a request's body fails with our own error in there: its source did, not the server. What lies beneath is
        // the source's, whatever it would mean of this request.
        (Permanent, true, "the request body failed")
    } else if find(<dyn StdError>::is::<PrivateName>) {
        (Refused, false, "the host is not called")
    } else if find(is_too_large) {
        (Refused, true, "the response has more or longer headers than a client of HTTP/1 reads")
    } else if find(is_not_looked_at) {
        (Transient, false, "the server turned the request away unread")
    } else if find(is_connect) && find(is_timeout) {
        (Timeout, false, "could not connect in time")
    } else if find(is_connect) && find(is_tls) {
        (Permanent, false, "could not agree on a secure connection")
    } else if find(is_connect) {
        (Transient, false, "could not connect")
    } else if find(is_timeout) {
        (Timeout, true, "no response in time")
    } else {
        (Transient, true, "the connection broke before the response")
    };
    let ours = Error::new(kind, "http", name).with_message(message).with_source(RootCause::new(error));
    if may_have_executed { ours } else { ours.not_executed() }
}

/// A response whose body ended before it was whole.
pub(crate) fn of_response_body(error: BoxError, name: Name) -> Error {
    let (kind, message) = if causes(&*error).any(is_timeout) {
        (FailureKind::Timeout, "the response body did not arrive in time")
    } else {
        (FailureKind::Transient, "the response body broke off")
    };
    Error::new(kind, "http", name).with_message(message).with_source(RootCause::new(error))
}

/// An error that shows what lies at the bottom of it (`connection refused`), where itself it shows the top (`client error
/// (Connect)`). The whole chain is still there by `source`.
#[derive(Debug)]
pub(crate) struct RootCause(BoxError);

impl RootCause {
    pub(crate) fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match causes(&*self.0).last() {
            Some(root) => write!(f, "{root}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl StdError for RootCause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// It could not even be put together. Said of the error itself, and not of what lies beneath it.
fn is_invalid(cause: &(dyn StdError + 'static)) -> bool {
    cause.is::<url::ParseError>()
        || cause.is::<http::uri::InvalidUri>()
        || cause.is::<NotHttps>()
        || cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_builder)
}

fn is_connect(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect)
}

fn is_timeout(cause: &(dyn StdError + 'static)) -> bool {
    cause.is::<ConnectTimedOut>()
        || cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        || cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout)
        || cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
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
fn is_tls(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
}

/// The error and everything that caused it, outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&cause| match cause.downcast_ref::<io::Error>() {
        // An I/O error's `source` skips the error that it wraps.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => cause.source(),
    })
}
