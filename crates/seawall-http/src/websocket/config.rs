use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{InvalidConfig, friendly_duration, or_off};
use serde::{Deserialize, Serialize};

use crate::reconnect::ReconnectConfig;

/// Configuration of a [`WebSocket`](super::WebSocket).
///
/// | field | default | what it is |
/// |---|---|---|
/// | `max_message_size` | 4194304 (4 MiB) | a larger message from the server ends the stream with an error, in bytes |
/// | `incoming_queue` | 16 | messages that wait to be read; beyond them the server has to wait |
/// | `outgoing_queue` | 16 | messages that wait to be sent; beyond them senders have to wait |
/// | `ping_interval` | 20 s | when nothing comes for so long, the server is asked whether it is there; or `"off"` |
/// | `pong_timeout` | 10 s | when nothing comes for so long after that, the connection is dead |
/// | `close_timeout` | 5 s | for the server to agree that the connection is closed |
/// | `reconnect.*` | | how it connects again: see [`ReconnectConfig`] |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// The most that one message of the server may hold, in bytes.
    pub max_message_size: usize,
    /// How many messages may wait to be read. Beyond them nothing is read from the connection, so that the server has to
    /// wait.
    pub incoming_queue: NonZeroUsize,
    /// How many messages may wait to be sent, a connection that is being made anew included. Beyond them senders wait.
    pub outgoing_queue: NonZeroUsize,
    /// How long nothing may come before the server is asked whether it is there. Above zero; `None` (`"off"`) never asks.
    /// Time in which nothing is read, because what came waits to be read, does not count.
    #[serde(with = "or_off::duration")]
    pub ping_interval: Option<Duration>,
    /// How long nothing may come after that, before the connection is taken for dead. Above zero.
    #[serde(with = "friendly_duration")]
    pub pong_timeout: Duration,
    /// How long a connection that is being closed may take to be so.
    #[serde(with = "friendly_duration")]
    pub close_timeout: Duration,
    /// How it connects again.
    pub reconnect: ReconnectConfig,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        let queue = NonZeroUsize::new(16).expect("16 is not zero");
        Self {
            max_message_size: 4 * 1024 * 1024,
            incoming_queue: queue,
            outgoing_queue: queue,
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            reconnect: ReconnectConfig::default(),
        }
    }
}

impl WebSocketConfig {
    /// Checks every rule named at the fields, and those of `reconnect`.
    ///
    /// # Errors
    ///
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.max_message_size == 0 {
            return Err(InvalidConfig::new("max_message_size", 0, "must be above zero"));
        }
        for (field, time) in
            [("ping_interval", self.ping_interval), ("pong_timeout", Some(self.pong_timeout))]
        {
            if time.is_some_and(|time| time.is_zero()) {
                return Err(InvalidConfig::new(field, "0s", "must be above zero"));
            }
        }
        self.reconnect.validate().map_err(|invalid| invalid.within("reconnect"))
    }
}
