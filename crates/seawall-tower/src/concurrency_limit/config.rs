use std::num::NonZeroU32;

use seawall_core::{InvalidConfig, LimitConfig, WaitQueueConfig};
use serde::{Deserialize, Serialize};

use super::places::MOST_PLACES;

/// How many calls may be under way, and how the others wait.
///
/// | section | default | |
/// |---|---|---|
/// | `limit` | [`LimitConfig`]'s: adaptive, begins at 50 | how many calls may be under way, and how that number moves |
/// | `queue` | [`WaitQueueConfig`]'s: 1000 wait for 2 s at most | how the others wait, and which of them go |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcurrencyLimitConfig {
    /// How many calls may be under way, and how that number moves. Its `max` is at most 1 000 000.
    pub limit: LimitConfig,
    /// How the others wait, and which of them go.
    pub queue: WaitQueueConfig,
}

impl ConcurrencyLimitConfig {
    /// The defaults with a limit that never moves.
    pub fn fixed(max: NonZeroU32) -> Self {
        Self { limit: LimitConfig::fixed(max), ..Self::default() }
    }

    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        self.limit.validate().map_err(|invalid| invalid.within("limit"))?;
        let max = self.limit.max;
        if max.get() > 1_000_000 {
            return Err(InvalidConfig::new("limit.max", max, "must be at most 1000000"));
        }
        self.queue.validate().map_err(|invalid| invalid.within("queue"))
    }
}

const _: () = assert!(MOST_PLACES >= 1_000_000);
