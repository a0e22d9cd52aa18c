//! The tests of `seawall-redis`, against a real server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
mod cluster_keys;
#[cfg(feature = "cluster")]
mod cluster_sessions;
#[cfg(feature = "cluster")]
mod cluster_tier;
mod commands;
mod config;
mod connections;
mod faults;
mod lanes;
mod leases;
mod nature;
mod operations;
mod pubsub;
mod rate_limit;
mod rate_limit_layer;
#[cfg(all(feature = "cluster", feature = "sentinel"))]
mod replicas;
mod script_errors;
#[cfg(feature = "sentinel")]
mod sentinel;
mod sessions;
mod streams;
mod support;
mod telemetry;
mod tier;
mod tls;
#[cfg(feature = "cluster")]
mod tls_of_a_cluster;
#[cfg(feature = "sentinel")]
mod tls_of_sentinels;
