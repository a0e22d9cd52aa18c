use std::time::Duration;

use seawall_core::{InvalidConfig, or_off};
use serde::{Deserialize, Serialize};

use crate::reconnect::ReconnectConfig;

/// Configuration of an [`EventSource`](super::EventSource).
///
/// | field | default | what it is |
/// |---|---|---|
/// | `max_event_size` | 1048576 (1 MiB) | a larger event, or line of one, ends the stream with an error, in bytes |
/// | `idle_timeout` | 90 s | a connection on which nothing comes for so long, not even a comment, is made anew; or `"off"` |
/// | `reconnect.*` | | how it connects again: see [`ReconnectConfig`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SseConfig {
    /// The most that one event may hold, in bytes.
    pub max_event_size: usize,
    /// How long nothing may come, not even a comment, before the connection is made anew. Above zero; `None` (`"off"`)
    /// waits for ever. It takes the place of the client's `read_timeout`.
    #[serde(with = "or_off::duration")]
    pub idle_timeout: Option<Duration>,
    /// How it connects again.
    pub reconnect: ReconnectConfig,
}

impl Default for SseConfig {
    fn default() -> Self {
        Self {
            max_event_size: 1024 * 1024,
            idle_timeout: Some(Duration::from_secs(90)),
            reconnect: ReconnectConfig::default(),
        }
    }
}

impl SseConfig {
    /// Checks every rule named at the fields, and those of `reconnect`.
    ///
    /// # Errors
    ///
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.max_event_size == 0 {
            return Err(InvalidConfig::new("max_event_size", 0, "must be above zero"));
        }
        if self.idle_timeout.is_some_and(|time| time.is_zero()) {
            return Err(InvalidConfig::new("idle_timeout", "0s", "must be above zero"));
        }
        self.reconnect.validate().map_err(|invalid| invalid.within("reconnect"))
    }
}
