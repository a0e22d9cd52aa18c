//! A WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)) that connects again, says again what it wants, goes on
//! after the last message that was dealt with, and tells where something may be missing.
//!
//! Needs the feature `websocket`. A connection begins as a call of the client and changes its protocol, so it is under
//! the client's policies, and goes through its TLS settings, proxies and guards. Frames are read and written by
//! tungstenite.
//!
//! | what happens | the stream |
//! |---|---|
//! | the connection breaks, or the server answers no ping for `pong_timeout` | waits and connects again |
//! | the server refuses the handshake with 408, 429 or 5xx, or an open circuit does | waits, for as long as it asks by `Retry-After` at least |
//! | the server refuses it with another status | ends with an error |
//! | the server closes in order | by the code: see [`WebSocketBuilder::reconnect_if`] |
//! | a message is larger than `max_message_size`, or breaks the protocol | ends with an error |
//! | the deadline of the [`CallContext`](seawall_core::CallContext) it was made in passes, or comes before the next attempt | ends with a [`Timeout`](seawall_core::FailureKind::Timeout) |
//! | what came is not read | the server has to wait |
//!
//! It connects by HTTP/1.1 whatever the client speaks otherwise. A client of a `reqwest::Client` of your own does so only if
//! that one does: build it with `http1_only()`.
//!
//! A connection that became a WebSocket is none of those that `max_connections_per_host` allows.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use seawall_http::Http;
//! use seawall_http::reconnect::Incoming;
//! use seawall_http::websocket::{Message, WebSocketConfig};
//!
//! # async fn run(http: Http) -> Result<(), seawall_core::Error> {
//! let mut trades = http
//!     .get("wss://api.example.com/stream")
//!     .websocket(&WebSocketConfig::default())?
//!     .greet(|after| vec![Message::from(format!(r#"{{"subscribe": "trades", "after": {after:?}}}"#))])
//!     .connect()
//!     .await?;
//! while let Some(incoming) = trades.try_next().await? {
//!     match incoming {
//!         Incoming::Item(message) => {
//!             println!("{:?}", message.as_text());
//!             trades.acknowledge("the id in it");
//!         }
//!         Incoming::Reconnected(gap) if gap.may_have_missed => println!("ask for the whole list again"),
//!         Incoming::Reconnected(_) => {}
//!     }
//! }
//! # Ok(()) }
//! ```

mod actor;
mod builder;
mod config;
mod handshake;
mod message;
mod session;
mod socket;
#[cfg(test)]
mod tests;

pub use builder::WebSocketBuilder;
pub use config::WebSocketConfig;
pub use message::Message;
pub use socket::{WebSocket, WebSocketSender};
