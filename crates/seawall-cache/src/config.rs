use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, InvalidConfig};
use serde::{Deserialize, Serialize};

/// Configuration of a [`Cache`](crate::Cache).
///
/// | field | default | meaning |
/// |---|---|---|
/// | `capacity` | 67108864 (64 MiB) | the most that keys, values and 128 bytes of bookkeeping per entry may weigh, in bytes; for a cache of one type, in entries, or in what its weigher says |
/// | `jitter` | 0.1 | how far a time to live is spread, as a fraction: 0.1 is ±10 % |
/// | `early_refresh` | 1.0 | how eagerly a value is renewed before its time, 1 being as the paper advises; 0 never |
/// | `load_timeout` | 30s | after this long a load is given up and its waiters are told |
/// | `second_tier` | see [`SecondTierConfig`] | how far the second tier is trusted, if there is one |
/// | `seed` | none | seed of the jitter and of early refreshes; none takes a random one |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// The most that all entries together may weigh: in bytes for a `Cache` of any values; for a `Cache<K, V>` in entries,
    /// or in what its [weigher](crate::CacheBuilder::weigher) says.
    pub capacity: NonZeroU64,
    /// How far a time to live is spread, as a fraction of it: at least 0, below 1.
    pub jitter: f64,
    /// The `beta` of `XFetch` (Vattani et al., 2015): by chance, and the likelier the nearer its expiry and the longer it took
    /// to load, an entry is renewed before its time, so that a popular one never expires for all at once. At least 0,
    /// which is never.
    pub early_refresh: f64,
    /// After this long a load is given up, so that one that hangs does not block its key for ever.
    #[serde(with = "seawall_core::friendly_duration")]
    pub load_timeout: Duration,
    /// How far the second tier is trusted, if there is one.
    pub second_tier: SecondTierConfig,
    /// Seed of the jitter and of early refreshes, for runs that must repeat; `None` takes a random one.
    pub seed: Option<u64>,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            capacity: const { NonZeroU64::new(64 * 1024 * 1024).unwrap() },
            jitter: 0.1,
            early_refresh: 1.0,
            load_timeout: Duration::from_secs(30),
            second_tier: SecondTierConfig::default(),
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
        if !(self.early_refresh >= 0.0 && self.early_refresh.is_finite()) {
            return Err(InvalidConfig::new("early_refresh", self.early_refresh, "must be at least 0"));
        }
        if self.load_timeout.is_zero() {
            return Err(InvalidConfig::new("load_timeout", "0s", "must be above 0"));
        }
        self.second_tier.validate()
    }
}

/// How far a cache trusts its [second tier](crate::SecondTier).
///
/// | field | default | meaning |
/// |---|---|---|
/// | `timeout` | 100ms | how long one request of it may take: the most that a dead one costs a read each time it is asked |
/// | `memory_time` | 30s | how long memory answers before the second tier is asked again |
/// | `circuit` | [`eager`](CircuitBreakerConfig::eager); open for 1s, doubled up to 10s; no ramp | when it is left alone, and for how long |
///
/// Invalidations of other processes reach this one's memory as messages, which can be lost; `memory_time` is how long an
/// outdated entry lives at most if they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecondTierConfig {
    /// How long one request may take. Above zero.
    #[serde(with = "seawall_core::friendly_duration")]
    pub timeout: Duration,
    /// How long memory answers before the second tier is asked again. Above zero.
    #[serde(with = "seawall_core::friendly_duration")]
    pub memory_time: Duration,
    /// When the second tier is left alone, and for how long.
    pub circuit: CircuitBreakerConfig,
}

impl Default for SecondTierConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(100),
            memory_time: Duration::from_secs(30),
            circuit: CircuitBreakerConfig {
                consecutive_failures: NonZeroU32::new(5),
                wait_duration_in_open: Duration::from_secs(1),
                max_wait_duration_in_open: Duration::from_secs(10),
                half_open_lease: Duration::from_secs(5),
                ramp: Duration::ZERO,
                ..CircuitBreakerConfig::eager()
            },
        }
    }
}

impl SecondTierConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, time) in [("timeout", self.timeout), ("memory_time", self.memory_time)] {
            if time.is_zero() {
                return Err(InvalidConfig::new(field, "0s", "must be above 0"));
            }
        }
        self.circuit.validate()
    }
}
