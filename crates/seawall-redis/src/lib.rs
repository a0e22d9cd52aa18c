#![doc = include_str!("../README.md")]

mod backend;
mod classify;
mod client;
#[cfg(feature = "cluster")]
mod cluster;
mod command;
mod commands;
mod config;
mod consumer;
mod dedicated;
mod dial;
mod keeper;
mod lanes;
mod lease;
mod multiplexed;
mod nature;
mod node;
mod operations;
mod pipelined;
mod pubsub;
mod rate_limit;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
mod replica;
mod request;
mod script;
#[cfg(feature = "sentinel")]
mod sentinel;
mod session;
mod spread;
mod stack;
mod stats;
mod telemetry;
mod tier;
mod tls;
mod url;
mod wire;

pub use classify::RedisClassifier;
pub use client::Redis;
pub use command::Command;
pub use commands::SetOptions;
pub use config::{DedicatedConfig, Protocol, ReadFrom, RedisConfig, TlsConfig};
pub use consumer::{Consumer, Entry};
pub use lease::Lease;
pub use operations::{Claim, Operation, Operations, Progress, State};
pub use pipelined::Pipelined;
pub use pubsub::{Gap, Heard, Message, Subscription};
pub use rate_limit::{
    DecidedBy, Decision, OnOutage, SharedRateLimit, SharedRateLimitConfig, SharedRateLimitLayer,
    SharedRateLimiter,
};
/// The driver: its values and conversions are this crate's too.
pub use redis;
pub use request::{Action, Reply, Request};
pub use script::{Script, ScriptCall};
pub use session::Session;
pub use stats::{DedicatedStats, RedisStats, ReplacementStats};
pub use tier::RedisTier;
