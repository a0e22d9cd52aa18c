//! Reading a body whole, in bounded memory.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use seawall_core::{Error, FailureKind, Name};
use serde::de::DeserializeOwned;

use super::{Body, Content, too_large};

impl Body {
    /// Reads it whole, if it is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent) when it is larger: it is dropped then, and at most `limit` bytes were
    /// held. [`Transient`](FailureKind::Transient) when the connection broke off before the end, and
    /// [`Timeout`](FailureKind::Timeout) when the server stalled or the deadline passed: a short body is never
    /// taken for a whole one. [`Refused`](FailureKind::Refused) by a guard of the client.
    ///
    /// Not cancel safe: what was read is lost.
    pub async fn collect(self, limit: usize) -> Result<Bytes, Error> {
        let (bytes, _) = self
            .read(limit as u64, |name| {
                let message = format!("the body is larger than the limit of {limit} bytes");
                Error::new(FailureKind::Permanent, "http", name).with_message(message)
            })
            .await?;
        Ok(bytes)
    }

    /// Reads it whole as UTF-8, if it is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect), and [`Permanent`](FailureKind::Permanent) if it is not UTF-8.
    pub async fn text(self, limit: usize) -> Result<String, Error> {
        let name = self.call_name();
        let bytes = self.collect(limit).await?;
        String::from_utf8(bytes.into())
            .map_err(|error| malformed(name(), "the body is not utf-8").with_source(error.utf8_error()))
    }

    /// Reads it whole as JSON, if it is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect), and [`Permanent`](FailureKind::Permanent) if it is not the JSON that was
    /// expected.
    pub async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<T, Error> {
        let name = self.call_name();
        let bytes = self.collect(limit).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| malformed(name(), "the body is not the expected json").with_source(error))
    }

    /// The same body, read whole.
    pub(crate) async fn gather(self, max: u64) -> Result<Self, Error> {
        let call = self.call();
        let (bytes, trailers) = self.read(max, |name| too_large(name, max)).await?;
        let whole = Self { trailers, ..Self::of(Content::Whole(bytes)) };
        Ok(match call {
            Some(call) => whole.of_call(call),
            None => whole,
        })
    }

    async fn read(
        mut self,
        limit: u64,
        too_large: impl Fn(Name) -> Error,
    ) -> Result<(Bytes, Option<Box<http::HeaderMap>>), Error> {
        // A body that says that it is too large need not be read to believe it.
        if self.size_hint().lower() > limit {
            return Err(too_large(self.name()));
        }
        // Most bodies are one chunk: it is handed out as it came.
        let (mut first, mut rest, mut trailers) = (Bytes::new(), BytesMut::new(), None);
        while let Some(frame) = self.frame().await {
            let data = match frame?.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    trailers = frame.into_trailers().ok().map(Box::new);
                    continue;
                }
            };
            if data.len() as u64 > limit - (first.len() + rest.len()) as u64 {
                return Err(too_large(self.name()));
            }
            if first.is_empty() && rest.is_empty() {
                first = data;
                continue;
            }
            if !first.is_empty() {
                // As large as it says that it is, but not before that much has come.
                rest.reserve(first.len() + data.len());
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&data);
        }
        Ok((if rest.is_empty() { first } else { rest.freeze() }, trailers))
    }

    fn call_name(&self) -> impl FnOnce() -> Name + use<> {
        let call = self.call();
        move || call.as_ref().map_or(Name::from("body"), Name::from)
    }
}

fn malformed(name: Name, what: &'static str) -> Error {
    Error::new(FailureKind::Permanent, "http", name).with_message(what)
}
