//! The cache, seen from outside. Time is tokio's and paused: no test waits for real.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[cfg(feature = "macros")]
mod attribute;
mod codec;
mod config;
mod expiry;
mod in_place;
mod layer;
mod loading;
mod memory;
mod model;
mod reentry;
mod second_tier;
mod stampede;
mod terms;
mod two_tiers;
mod typed;
mod values;

use std::num::NonZeroU64;
use std::time::Duration;

use seawall_cache::{Cache, CacheConfig};

const MINUTE: Duration = Duration::from_mins(1);

/// A cache whose times to live are exact.
fn exact() -> Cache {
    Cache::new(&CacheConfig { jitter: 0.0, ..CacheConfig::default() }).unwrap()
}

fn of_capacity(bytes: u64) -> Cache {
    Cache::new(&CacheConfig { capacity: NonZeroU64::new(bytes).unwrap(), ..CacheConfig::default() }).unwrap()
}
