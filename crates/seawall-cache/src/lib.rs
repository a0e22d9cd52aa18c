#![doc = include_str!("../README.md")]

mod cache;
mod codec;
mod config;
mod flight;
mod shared;
mod stats;
mod store;
mod ttl;

pub use cache::Cache;
pub use config::CacheConfig;
pub use stats::CacheStats;
pub use ttl::Ttl;
