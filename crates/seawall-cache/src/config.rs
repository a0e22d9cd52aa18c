use std::num::NonZeroU64;
use std::time::Duration;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

/// Configuration of a [`Cache`](crate::Cache).
///
/// | field | default | meaning |
/// |---|---|---|
/// | `capacity` | 67108864 (64 MiB) | the most that keys, values and 128 bytes of bookkeeping per entry may weigh, in bytes |
/// | `jitter` | 0.1 | how far a time to live is spread, as a fraction: 0.1 is ±10 % |
/// | `load_timeout` | 30s | after this long a load is given up and its waiters are told |
/// | `seed` | none | seed of the jitter; none takes a random one |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// The most that all entries together may weigh, in bytes.
    pub capacity: NonZeroU64,
    /// How far a time to live is spread, as a fraction of it: at least 0, below 1.
    pub jitter: f64,
    /// After this long a load is given up, so that one that hangs does not block its key for ever.
    #[serde(with = "seawall_core::friendly_duration")]
    pub load_timeout: Duration,
    /// Seed of the jitter, for runs that must repeat; `None` takes a random one.
    pub seed: Option<u64>,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            capacity: NonZeroU64::new(64 * 1024 * 1024).expect("64 MiB is not zero"),
            jitter: 0.1,
            load_timeout: Duration::from_secs(30),
            seed: None,
        }
    }
}

impl CacheConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if !(0.0..1.0).contains(&self.jitter) {
            return Err(InvalidConfig::new("jitter", self.jitter, "must be at least 0 and below 1"));
        }
        if self.load_timeout.is_zero() {
            return Err(InvalidConfig::new("load_timeout", "0s", "must be above 0"));
        }
        Ok(())
    }
}
