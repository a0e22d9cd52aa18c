#![doc = include_str!("../README.md")]

mod build_error;
mod builder;
mod config;
mod gate;
mod health;
#[cfg(feature = "ingest")]
pub mod ingest;
#[cfg(any(feature = "ingest", feature = "transfer"))]
mod patience;
#[cfg(all(feature = "sql", feature = "telemetry"))]
mod pool_gauges;
mod shutdown;
mod stability;
mod stats;
mod system;
#[cfg(feature = "transfer")]
pub mod transfer;

pub use build_error::BuildError;
pub use builder::Builder;
#[cfg(feature = "sql")]
pub use config::DatabaseUrl;
#[cfg(feature = "redis")]
pub use config::RedisUrl;
pub use config::{Config, ConfigError};
pub use health::{Check, Health, HealthStatus};
pub use shutdown::Abandoned;
pub use stats::SystemStats;
pub use system::AsyncIoSystem;

#[cfg(feature = "cache")]
pub use seawall_cache as cache;
pub use seawall_core as core;
#[cfg(feature = "fs")]
pub use seawall_fs as fs;
#[cfg(feature = "http")]
pub use seawall_http as http;
#[cfg(feature = "redis")]
pub use seawall_redis as redis;
#[cfg(feature = "sql")]
pub use seawall_sql as sql;
#[cfg(feature = "telemetry")]
pub use seawall_telemetry as telemetry;
pub use seawall_tower as tower;
