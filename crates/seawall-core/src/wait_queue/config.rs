use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::InvalidConfig;

/// How long a queue may get, how long one waits in it, and what it does under pressure.
///
/// | field | default | |
/// |---|---|---|
/// | `max_waiting` | `1000` | how many wait at most; one more sends somebody away |
/// | `max_wait` | `2s` | how long one waits at most, or `"off"`; a call's deadline cuts it as well |
/// | `pressure_after` | `100ms` | a queue that was not empty for so long is under pressure: newest first; or `"off"` |
/// | `max_wait_under_pressure` | `1s` | how long one waits at most under pressure, or `"off"`; not for critical ones |
/// | `priority_ratio` | `100` | how many turns a class gets for one of the next lower class, when both wait |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaitQueueConfig {
    /// How many wait at most. With 0 nobody waits. At most 1 000 000. Default 1000.
    pub max_waiting: u32,
    /// How long one waits at most: not less than [`LimitConfig::max_pause`](crate::LimitConfig::max_pause), or the calls
    /// that come during a long pause are refused. Above zero. Default 2 s.
    #[serde(with = "crate::or_off::duration")]
    pub max_wait: Option<Duration>,
    /// For how long the queue must not have been empty to be under pressure; off, it never is. Default 100 ms.
    #[serde(with = "crate::or_off::duration")]
    pub pressure_after: Option<Duration>,
    /// How long one waits at most while the queue is under pressure, unless it is critical: those wait for `max_wait`, or
    /// until their deadline. Above zero. Default 1 s.
    #[serde(with = "crate::or_off::duration")]
    pub max_wait_under_pressure: Option<Duration>,
    /// How many turns a class gets for one of the next lower class, when both wait. 1 makes all classes alike.
    /// At most 100. Default 100: as long as there is room for a class, those below it cost it a hundredth at most; and
    /// those below are not forgotten.
    pub priority_ratio: NonZeroU32,
}

impl Default for WaitQueueConfig {
    fn default() -> Self {
        Self {
            max_waiting: 1000,
            max_wait: Some(Duration::from_secs(2)),
            pressure_after: Some(Duration::from_millis(100)),
            max_wait_under_pressure: Some(Duration::from_secs(1)),
            priority_ratio: const { NonZeroU32::new(100).unwrap() },
        }
    }
}

impl WaitQueueConfig {
    /// First come, first served among equals, until the deadline: what tower's own limits do.
    pub fn fifo() -> Self {
        Self { max_wait: None, pressure_after: None, max_wait_under_pressure: None, ..Self::default() }
    }

    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.max_waiting > 1_000_000 {
            return Err(InvalidConfig::new("max_waiting", self.max_waiting, "must be at most 1000000"));
        }
        let waits = [("max_wait", self.max_wait), ("max_wait_under_pressure", self.max_wait_under_pressure)];
        for (field, wait) in waits {
            if wait.is_some_and(|wait| wait.is_zero()) {
                return Err(InvalidConfig::new(field, "0s", "must be above zero, or \"off\""));
            }
        }
        if self.priority_ratio.get() > 100 {
            return Err(InvalidConfig::new("priority_ratio", self.priority_ratio, "must be at most 100"));
        }
        Ok(())
    }
}
