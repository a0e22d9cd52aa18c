#![doc = include_str!("../README.md")]

mod cache;
pub mod cached;
mod chance;
mod clock;
mod codec;
mod config;
mod early;
mod engine;
mod entry;
mod flight;
mod held;
mod load;
mod shared;
mod shelf;
mod stats;
mod tags;
mod tier;
mod time_to_live;
mod ttl;
mod versions;
mod voice;

pub use cache::{Cache, CacheBuilder};
pub use cached::{CacheLayer, Cached};
pub use codec::{Codec, Encoded, Json, Postcard};
pub use config::{CacheConfig, SecondTierConfig};
pub use held::{Holds, Key, Value};
#[cfg(feature = "macros")]
pub use seawall_macros::cached;
pub use shelf::{Shelf, Weigh};
pub use stats::CacheStats;
pub use tags::Tags;
pub use tier::{SecondTier, TierFuture, TierListener};
pub use time_to_live::{OrAbsent, Tagged, TimeToLive};
pub use ttl::Ttl;
