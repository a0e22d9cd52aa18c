//! The client against real databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

mod bulk;
#[cfg(feature = "postgres")]
mod bulk_changed;
mod bulk_many;
mod cancellation;
mod client;
mod config;
mod deadlines;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod fast_path;
mod faults;
mod health;
mod lists;
mod locations;
#[cfg(feature = "macros")]
mod macros;
mod migrations;
#[cfg(feature = "mysql")]
mod mysql;
mod parts;
mod pool;
#[cfg(feature = "postgres")]
mod pooler;
#[cfg(feature = "postgres")]
mod postgres;
mod query_cache;
mod repeats;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod replicas;
mod savepoints;
mod slow_queries;
mod statements;
mod stream;
mod tables;
mod telemetry;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod tls;
mod transactions;
mod typed_rows;
