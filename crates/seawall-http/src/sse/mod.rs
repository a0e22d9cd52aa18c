//! Server-sent events: a stream that connects again, goes on after the last event, and tells where something may be
//! missing.
//!
//! Read by the rules of the WHATWG ([HTML §9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html)). Each
//! attempt to connect is one call of the client, so it is under its policies: deadline, retry, circuit breaker, limits.
//!
//! | what happens | the stream |
//! |---|---|
//! | the connection breaks, the server closes it, or nothing comes for `idle_timeout` | waits and connects again, with the last event's id |
//! | the server answers 408, 429 or 5xx, or an open circuit refuses | waits, for as long as it asks by `Retry-After` at least |
//! | it answers 204 | ends |
//! | it answers with another status, or another content type | ends with an error that says so |
//! | an event is larger than `max_event_size` | ends with an error |
//! | the deadline of the [`CallContext`] it was made in passes, or comes before the next attempt | ends with a [`Timeout`](seawall_core::FailureKind::Timeout) |
//!
//! Over HTTP/1.1 a stream has one of the connections that `max_connections_per_host` allows for as long as it is read.
//!
//! Waits grow from `retry:` as the server says it, within bounds, and are spread. A request that is not idempotent (a
//! POST that is answered by events) is never made again once it may have been carried out: its stream ends where the
//! server ends it, and a break is an error.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use seawall_http::Http;
//! use seawall_http::reconnect::Incoming;
//! use seawall_http::sse::SseConfig;
//!
//! # async fn run(http: Http) -> Result<(), seawall_core::Error> {
//! let mut events = http.get("https://api.example.com/orders/changes").events(&SseConfig::default())?;
//! while let Some(incoming) = events.try_next().await? {
//!     match incoming {
//!         Incoming::Item(event) => println!("{}: {}", event.event, event.data),
//!         Incoming::Reconnected(gap) if gap.may_have_missed => println!("ask for the whole list again"),
//!         Incoming::Reconnected(_) => {}
//!     }
//! }
//! # Ok(()) }
//! ```

mod config;
mod event;
mod parser;
mod source;

use seawall_core::{CallContext, Error};

use crate::RequestBuilder;

pub use config::SseConfig;
pub use event::SseEvent;
pub use source::EventSource;

impl RequestBuilder {
    /// The events that answer the request, as a stream that connects again: see [`sse`](self). Its
    /// [`timeout`](Self::timeout) is that of the whole stream.
    ///
    /// # Errors
    ///
    /// The first mistake in the request or in the configuration.
    pub fn events(self, config: &SseConfig) -> Result<EventSource, Error> {
        let (http, context) = (self.http().clone(), self.context());
        let request = self.build()?;
        context.unwrap_or_else(CallContext::current).enter(|| EventSource::new(http, request, config))
    }
}
