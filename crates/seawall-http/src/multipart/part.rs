use std::fmt;

use bytes::Bytes;
use futures_util::TryStream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use seawall_core::{BoxError, Error, FailureKind};

use super::Headers;
use crate::Body;

/// One part of a [`Form`](super::Form): a field, or a file.
pub struct Part {
    pub(super) body: Body,
    pub(super) file_name: Option<String>,
    pub(super) headers: Result<Headers, Error>,
}

impl Part {
    /// One of bytes or text, or of any [`Body`]: one made by [`Body::from_fn`] can be sent again.
    pub fn new(body: impl Into<Body>) -> Self {
        Self { body: body.into(), file_name: None, headers: Ok(Vec::new()) }
    }

    /// One of a stream, which is sent once, of a length that is known beforehand: that of a file.
    pub fn stream<S>(stream: S, length: u64) -> Self
    where
        S: TryStream<Ok = Bytes> + Send + 'static,
        S::Error: Into<BoxError>,
    {
        Self::new(Body::from_stream(stream).with_length(length))
    }

    /// Says that it is a file, and its name, without folders.
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Says what it is: `image/png`.
    pub fn content_type(self, mime: impl AsRef<str>) -> Self {
        self.header(CONTENT_TYPE, mime.as_ref())
    }

    /// Adds a header. What is wrong with it, the request says when it is sent.
    pub fn header<K, V>(mut self, name: K, value: V) -> Self
    where
        K: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        let header = name
            .try_into()
            .map_err(|error| invalid("a part's header has an invalid name", error))
            .and_then(|name| match value.try_into() {
                Ok(value) => Ok((name, value)),
                Err(error) => {
                    Err(invalid(format!("the value of a part's header `{name}` is invalid"), error))
                }
            });
        match (&mut self.headers, header) {
            (Ok(headers), Ok(header)) => headers.push(header),
            (Ok(_), Err(error)) => self.headers = Err(error),
            // The first mistake is the one that is told.
            (Err(_), _) => {}
        }
        self
    }
}

fn invalid(what: impl Into<std::borrow::Cow<'static, str>>, cause: impl Into<BoxError>) -> Error {
    Error::new(FailureKind::Permanent, "http", "form").not_executed().with_message(what).with_source(cause)
}

impl fmt::Debug for Part {
    /// Without the content and the headers, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("file_name", &self.file_name)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
