//! The client against real servers on the loopback, those below HTTP included.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod batch;
mod body;
mod circuit_breaker;
mod classify;
mod config;
mod failures;
mod faults;
mod http_cache;
mod middleware;
mod request;
mod retry;
mod secrets;
mod support;
mod transfer;
