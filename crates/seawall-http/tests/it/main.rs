//! The client against real servers on the loopback, those below HTTP included.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod bad_network;
mod batch;
mod body;
mod carriers;
mod circuit_breaker;
mod classify;
mod collect;
mod config;
mod connections;
mod content;
mod deadline;
mod endpoints;
mod failures;
mod faults;
mod guards;
mod http2;
mod http_cache;
mod middleware;
mod proxies;
mod quota;
mod redirects;
mod replay;
mod request;
mod retry;
mod secrets;
mod sse;
mod support;
mod telemetry;
mod tls;
mod transfer;
#[cfg(feature = "websocket")]
mod websocket;
