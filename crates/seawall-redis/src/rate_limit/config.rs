use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

/// What a [`SharedRateLimiter`](super::SharedRateLimiter) allows.
///
/// | field | default | |
/// |---|---|---|
/// | `limit` | 100 | units for each key in a period |
/// | `period` | 1s | the period |
/// | `burst` | 100 | units that a key which was quiet may take at once |
/// | `on_outage` | `"open"` | what is decided while the server decides nothing: `"open"` or `"closed"` |
/// | `timeout` | 250ms | how long the server has to decide |
/// | `max_keys` | 10000 | keys of which something is remembered |
/// | `block` | 1 | units that are taken from the server at a time |
/// | `block_hold` | 1s | for how long they may be spent |
/// | `max_wait` | 1s | how long a call may wait for its turn; or `"off"`: it is refused at once |
/// | `max_waiting` | 1024 | how many calls may wait at a time |
///
/// In any stretch of time `t`, at most `burst + limit × t / period` units of a key are taken from the server. With a
/// `block` above 1 they may be spent up to `block_hold` later: in any stretch, each process may spend up to `block - 1`
/// units more than were taken in it. `n` processes so exceed the limit by `n × (block - 1)` at the most, and never for
/// longer than `block_hold`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedRateLimitConfig {
    /// Units for each key in a period. Default 100.
    pub limit: NonZeroU32,
    /// The period. Above zero. Default 1 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub period: Duration,
    /// Units that a key which was quiet may take at once. Default 100.
    pub burst: NonZeroU32,
    /// What is decided while the server decides nothing. Default [`OnOutage::Open`].
    pub on_outage: OnOutage,
    /// How long the server has to decide. Above zero. Default 250 ms.
    #[serde(with = "seawall_core::friendly_duration")]
    pub timeout: Duration,
    /// Keys of which this process remembers that they are refused, or holds units, so that the server is not asked about
    /// them. Default 10 000.
    pub max_keys: NonZeroUsize,
    /// The most units of a key that are taken from the server at a time, so that not every call asks it: as many as are
    /// spent before `block_hold` is over, and never more than half of what is there. 1 is no more than the call needs. At
    /// most `burst`. Default 1.
    pub block: NonZeroU32,
    /// For how long units may be spent that were taken in a block; what is left then is lost. Above zero. Default 1 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub block_hold: Duration,
    /// How long a call may wait for its turn, in [`acquire`](super::SharedRateLimiter::acquire) and the layer. `None`
    /// (`"off"`): none waits. Default 1 s.
    #[serde(with = "seawall_core::or_off::duration")]
    pub max_wait: Option<Duration>,
    /// How many calls may wait at a time, of all keys; one more is refused. Default 1024.
    pub max_waiting: usize,
}

/// What is decided while the server decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnOutage {
    /// Everything is allowed: for a limit that protects from too much of a good thing.
    #[default]
    Open,
    /// Nothing is allowed: for a limit that protects from guessing passwords.
    Closed,
}

impl Default for SharedRateLimitConfig {
    fn default() -> Self {
        const HUNDRED: NonZeroU32 = NonZeroU32::new(100).unwrap();
        Self {
            limit: HUNDRED,
            period: Duration::from_secs(1),
            burst: HUNDRED,
            on_outage: OnOutage::default(),
            timeout: Duration::from_millis(250),
            max_keys: const { NonZeroUsize::new(10_000).unwrap() },
            block: NonZeroU32::MIN,
            block_hold: Duration::from_secs(1),
            max_wait: Some(Duration::from_secs(1)),
            max_waiting: 1024,
        }
    }
}

impl SharedRateLimitConfig {
    /// Checks every rule named at the fields.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let times = [("period", self.period), ("timeout", self.timeout), ("block_hold", self.block_hold)];
        for (field, time) in times {
            if time.is_zero() {
                return Err(InvalidConfig::new(field, "0s", "must be above zero"));
            }
        }
        if self.block > self.burst {
            return Err(InvalidConfig::new("block", self.block, "must be at most `burst`"));
        }
        // The script counts in microseconds, in numbers that are whole up to 2^53.
        let whole = self.period.as_secs_f64() * f64::from(self.burst.get()) / f64::from(self.limit.get());
        if whole > 1e9 {
            let rule = "must be full again within 30 years, by `limit` and `period`";
            return Err(InvalidConfig::new("burst", self.burst, rule));
        }
        Ok(())
    }
}
