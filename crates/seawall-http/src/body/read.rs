//! Reading a body whole, in bounded memory.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http_body::Body as _;
use seawall_core::{Error, FailureKind};
use serde::de::DeserializeOwned;

use super::Body;

impl Body {
    /// Reads it whole, if it is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Permanent`](FailureKind::Permanent) when it is larger: it is dropped then, and at most `limit` bytes were
    /// held. [`Transient`](FailureKind::Transient) when the connection broke off before the end, and
    /// [`Timeout`](FailureKind::Timeout) when the server stalled or the deadline passed: a short body is never
    /// taken for a whole one.
    ///
    /// Not cancel safe: what was read is lost.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, Error> {
        let too_large = |body: &Self| {
            body.malformed().with_message(format!("the body is larger than the limit of {limit} bytes"))
        };
        // A body that says that it is too large need not be read to believe it.
        if self.size_hint().lower() > limit as u64 {
            return Err(too_large(&self));
        }
        // Most bodies are one chunk: it is handed out as it came.
        let Some(first) = self.try_next().await? else { return Ok(Bytes::new()) };
        if first.len() > limit {
            return Err(too_large(&self));
        }
        let Some(mut next) = self.try_next().await? else { return Ok(first) };
        let mut collected = BytesMut::from(first);
        loop {
            if next.len() > limit - collected.len() {
                return Err(too_large(&self));
            }
            collected.extend_from_slice(&next);
            match self.try_next().await? {
                Some(chunk) => next = chunk,
                None => return Ok(collected.freeze()),
            }
        }
    }

    /// Reads it whole as UTF-8, if it is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect), and [`Permanent`](FailureKind::Permanent) if it is not UTF-8.
    pub async fn text(self, limit: usize) -> Result<String, Error> {
        let malformed = self.malformed();
        let bytes = self.collect(limit).await?;
        String::from_utf8(bytes.into())
            .map_err(|error| malformed.with_message("the body is not utf-8").with_source(error.utf8_error()))
    }

    /// Reads it whole as JSON, if it is at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`collect`](Self::collect), and [`Permanent`](FailureKind::Permanent) if it is not the JSON that was
    /// expected.
    pub async fn json<T: DeserializeOwned>(self, limit: usize) -> Result<T, Error> {
        let malformed = self.malformed();
        let bytes = self.collect(limit).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| malformed.with_message("the body is not the expected json").with_source(error))
    }

    fn malformed(&self) -> Error {
        Error::new(FailureKind::Permanent, "http", self.name())
    }
}
