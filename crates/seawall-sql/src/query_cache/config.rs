use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// The part of [`SqlConfig`](crate::SqlConfig) that bounds the cache of queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryCacheConfig {
    /// How many bytes of rows are kept at most. Default 64 MiB.
    pub capacity: NonZeroU64,
}

impl Default for QueryCacheConfig {
    fn default() -> Self {
        Self { capacity: const { NonZeroU64::new(64 << 20).unwrap() } }
    }
}
