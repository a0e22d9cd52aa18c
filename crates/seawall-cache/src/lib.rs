#![doc = include_str!("../README.md")]

mod cache;
pub mod cached;
mod codec;
mod config;
mod flight;
mod shared;
mod shelf;
mod stats;
mod store;
mod ttl;

pub use cache::Cache;
pub use cached::{CacheLayer, Cached, TimeToLive};
pub use config::CacheConfig;
pub use shelf::{Shelf, Weigh};
pub use stats::CacheStats;
pub use ttl::Ttl;
