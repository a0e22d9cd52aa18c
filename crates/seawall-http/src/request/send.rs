use bytes::Bytes;
use http::Response;
use seawall_core::{CallContext, Error, Idempotency};
use serde::de::DeserializeOwned;

use super::RequestBuilder;

use crate::{Body, HttpConfig, ResponseExt};

impl RequestBuilder {
    /// Makes the call and returns once the response's headers are there; see [`Http::call`](crate::Http::call).
    ///
    /// # Errors
    ///
    /// The first mistake in the request, and as [`Http::call`](crate::Http::call). Every response is `Ok`, whatever its status.
    ///
    /// Cancel safe for the client; whether the server carried out a dropped call is unknown.
    pub async fn send(self) -> Result<Response<Body>, Error> {
        let context = self.context();
        let Self { http, draft, reception, .. } = self;
        let request = draft?.into_outgoing(reception)?;
        match context {
            None => http.send(request).await,
            Some(context) => context.scope(http.send(request)).await,
        }
    }

    /// Makes the call and returns once the response is there whole: its body is [bytes](Body::as_bytes), beside its
    /// [trailers](Body::trailers).
    ///
    /// Unlike reading it after [`send`](Self::send), reading it here is a part of the attempt: a connection that breaks
    /// in the middle is a failed attempt, for the circuit breaker too, and an idempotent request is made again. The
    /// attempt time-out and the deadline hold for all of it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`Refused`](seawall_core::FailureKind::Refused) for a body of more than
    /// `max_collected_size` bytes, or [`max_response_size`](Self::max_response_size). Every response is `Ok`, whatever
    /// its status.
    ///
    /// Cancel safe for the client; whether the server carried out a dropped call is unknown.
    pub async fn collect(mut self) -> Result<Response<Body>, Error> {
        self.reception.collect = true;
        let max = self.reception.max_size;
        let response = self.send().await?;
        // Already so, unless the client is a stack of the user's own, or a layer around it made the body anew.
        let (parts, body) = response.into_parts();
        let body = match body.as_bytes() {
            Some(_) => body,
            None => body.gather(max.unwrap_or(HttpConfig::DEFAULT_MAX_COLLECTED_SIZE)).await?,
        };
        Ok(Response::from_parts(parts, body))
    }

    /// The whole body of a successful response: [`collect`](Self::collect) and
    /// [`error_for_status`](ResponseExt::error_for_status) in one.
    ///
    /// # Errors
    ///
    /// As both.
    pub async fn fetch_bytes(self) -> Result<Bytes, Error> {
        let body = self.collect().await?.error_for_status()?.into_body();
        Ok(body.as_bytes().cloned().unwrap_or_default())
    }

    /// The same as UTF-8.
    ///
    /// # Errors
    ///
    /// As [`fetch_bytes`](Self::fetch_bytes), and as [`Body::text`].
    pub async fn fetch_text(self) -> Result<String, Error> {
        self.collect().await?.error_for_status()?.into_body().text(usize::MAX).await
    }

    /// The same as JSON.
    ///
    /// # Errors
    ///
    /// As [`fetch_bytes`](Self::fetch_bytes), and as [`Body::json`].
    pub async fn fetch_json<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.collect().await?.error_for_status()?.into_body().json(usize::MAX).await
    }

    /// The context of the call, if it is not the current one.
    pub(crate) fn context(&self) -> Option<CallContext> {
        if self.timeout.is_none() && !self.idempotent {
            return None;
        }
        let mut context = CallContext::current();
        if let Some(total) = self.timeout {
            context = context.within(total, tokio::time::Instant::now().into_std());
        }
        if self.idempotent {
            context = context.idempotency(Idempotency::Idempotent);
        }
        Some(context)
    }
}
