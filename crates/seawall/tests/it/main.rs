//! Integration tests of the facade: real files, databases and sockets.

#![cfg(all(feature = "cache", feature = "fs", feature = "http", feature = "sql", feature = "telemetry"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod config;
mod config_errors;
mod config_load;
mod config_secrets;
mod download;
#[cfg(feature = "ingest")]
mod format;
mod health;
mod loopback;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_cache;
mod shutdown;
mod shutdown_order;
mod stability;
mod stats;
mod support;
mod system;
mod upload;
