use std::fmt;

use http::{Response, StatusCode, Uri};
use seawall_core::{Error, FailureKind};

use crate::{Body, backend};

/// What Seawall adds to an `http::Response<Body>`.
pub trait ResponseExt: Sized {
    /// Turns a response with a status of 400 or above into an error, with a [`StatusError`] as its source.
    ///
    /// # Errors
    ///
    /// Of the kind that policies took the response for (see [`HttpBackend`](crate::HttpBackend)), and
    /// [`Permanent`](FailureKind::Permanent) for the 4xx that they let pass.
    fn error_for_status(self) -> Result<Self, Error>;

    /// Where redirects led to: the URL that answered, if it is not the one that was called.
    fn redirected_to(&self) -> Option<&Uri>;
}

/// In the extensions of a response to a request that had the client's own credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proven;

/// In the extensions of a response that came after a redirect.
#[derive(Clone, Debug)]
pub(crate) struct RedirectedTo(pub(crate) Uri);

impl ResponseExt for Response<Body> {
    fn error_for_status(self) -> Result<Self, Error> {
        let status = self.status();
        if !status.is_client_error() && !status.is_server_error() {
            return Ok(self);
        }
        let kind = backend::failure_of(&self).unwrap_or(FailureKind::Permanent);
        let name = self.body().name();
        Err(Error::new(kind, "http", name)
            .with_message("the server answered with an error")
            .with_source(StatusError(status)))
    }

    fn redirected_to(&self) -> Option<&Uri> {
        self.extensions().get::<RedirectedTo>().map(|RedirectedTo(uri)| uri)
    }
}

/// The status in the error of [`error_for_status`](ResponseExt::error_for_status): the error's `source`, to be found
/// with `downcast_ref`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusError(StatusCode);

impl StatusError {
    pub(crate) const fn new(status: StatusCode) -> Self {
        Self(status)
    }

    /// The response's status.
    pub const fn status(self) -> StatusCode {
        self.0
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.0)
    }
}

impl std::error::Error for StatusError {}
