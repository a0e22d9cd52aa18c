mod read_from;
mod tls;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

pub use read_from::ReadFrom;
use seawall_core::{CircuitBreakerConfig, InvalidConfig, or_off};
use seawall_tower::PipelineConfig;
use serde::{Deserialize, Deserializer, Serialize};
pub use tls::TlsConfig;

/// Configuration of a [`Redis`](crate::Redis) client.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `connections` | `"auto"` | connections that ordinary commands share, the more of them the more are under way: as many as processors, at most 4; or a number |
/// | `max_queued` | 1024 | commands that may wait to be written to one of them; further callers wait their turn |
/// | `bulk_size` | 65536 | a request of at least so many bytes goes over a connection of its own, past the small ones |
/// | `connect_timeout` | 2s | the time to connect, log in and be answered |
/// | `reconnect_delay` | 250ms | the longest pause between two attempts to connect again |
/// | `timeouts_to_replace` | 3 | after so many time-outs in a row a connection is replaced |
/// | `max_age` | 30m | a connection older than this, less up to a tenth at random, is replaced; or `"off"` |
/// | `keepalive` | 30s | an idle connection is probed by the kernel after so long |
/// | `offline_wait` | 500ms | in the first so much of an outage a call waits for the connection to come back |
/// | `max_offline` | 1024 | so many calls may wait for that; one more is refused at once |
/// | `slow_timeout` | 5s | the time of a script, or of another command that may work for long, with all its attempts |
/// | `blocking_margin` | 1s | a command that blocks is given so much more than it asks for |
/// | `dedicated.size` | 16 | connections for what needs one of its own: blocking commands, sessions |
/// | `dedicated.max_waiters` | 256 | callers that may wait for one of these; one more is refused at once |
/// | `dedicated.wait_timeout` | 5s | how long a caller waits for one of these |
/// | `read_from` | `"primary"` | or `"prefer_replica"`: see [`ReadFrom`], for sentinels and clusters |
/// | `protocol` | `"resp3"` | or `"resp2"`, for servers older than Redis 6 |
/// | `tls` | the authorities of the system | see [`TlsConfig`], for URLs that begin with `rediss` |
/// | `pipeline` | see [`PipelineConfig`] | deadline, retry, circuit breaker, limits |
/// | `pipeline.deadline` | `"off"` | four attempts and the waits between take 8.4s at most |
/// | `pipeline.attempt_timeout` | 2s | the time of one attempt of an ordinary command |
/// | `pipeline.circuit_breaker.slow_call_rate_threshold` | `"off"` | an attempt is cut long before it is slow |
/// | `pipeline.concurrency_limit` | `"off"` | a connection answers in the order it was asked: it is a queue already |
/// | `pipeline.circuit_breaker.wait_duration_in_open` | 500ms | so that calls flow within a second of the server |
///
/// ```
/// let config: seawall_redis::RedisConfig =
///     serde_json::from_str(r#"{"connections": 2, "dedicated": {"size": 4}}"#).unwrap();
/// assert_eq!(config.connections.map(|count| count.get()), Some(2));
/// assert_eq!(config.dedicated.size.get(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// Connections that ordinary commands share. At most 64. `None` (`"auto"`) is as many as processors, at
    /// most 4. Default `"auto"`.
    ///
    /// Few calls go over one of them, where they are written at once; from 32 under way on they use two, from 48 three.
    #[serde(with = "or_auto")]
    pub connections: Option<NonZeroUsize>,
    /// Commands that may wait to be written to one of them; further callers wait their turn. Default 1024.
    pub max_queued: NonZeroUsize,
    /// A request of at least so many bytes goes over a connection of its own, so that no small one waits behind it.
    /// Default 64 KiB.
    pub bulk_size: usize,
    /// The time to connect, log in and be answered. Above zero. Default 2 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub connect_timeout: Duration,
    /// The longest pause between two attempts to connect again. Above zero. Default 250 ms.
    #[serde(with = "seawall_core::friendly_duration")]
    pub reconnect_delay: Duration,
    /// After so many time-outs in a row a connection is replaced. Default 3.
    pub timeouts_to_replace: NonZeroU32,
    /// A connection older than this, less up to a tenth at random, is replaced, which finds the server's name's new
    /// address too. `None` (`"off"`) never. Default 30 min.
    #[serde(with = "or_off::duration")]
    pub max_age: Option<Duration>,
    /// An idle connection is probed by the kernel after so long. Default 30 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub keepalive: Duration,
    /// In the first so much of an outage a call waits for the connection to come back; later it fails at once. Default
    /// 500 ms.
    #[serde(with = "seawall_core::friendly_duration")]
    pub offline_wait: Duration,
    /// So many calls may wait for that; one more is refused at once. Default 1024.
    pub max_offline: usize,
    /// The time of a script, or of another command that may work for long, with all its attempts. Above zero. Default
    /// 5 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub slow_timeout: Duration,
    /// A command that blocks is given so much more than it asks for. Above zero. Default 1 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub blocking_margin: Duration,
    /// Connections for what needs one of its own.
    pub dedicated: DedicatedConfig,
    /// Who answers reads, where there are replicas.
    pub read_from: ReadFrom,
    /// Which version of the protocol is spoken.
    pub protocol: Protocol,
    /// How TLS is spoken, to a server whose URL begins with `rediss`.
    pub tls: TlsConfig,
    /// The default stack in front of each server.
    #[serde(deserialize_with = "pipeline_section")]
    pub pipeline: PipelineConfig,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            connections: None,
            max_queued: const { NonZeroUsize::new(1024).unwrap() },
            bulk_size: 64 << 10,
            connect_timeout: Duration::from_secs(2),
            reconnect_delay: Duration::from_millis(250),
            timeouts_to_replace: const { NonZeroU32::new(3).unwrap() },
            max_age: Some(Duration::from_mins(30)),
            keepalive: Duration::from_secs(30),
            offline_wait: Duration::from_millis(500),
            max_offline: 1024,
            slow_timeout: Duration::from_secs(5),
            blocking_margin: Duration::from_secs(1),
            dedicated: DedicatedConfig::default(),
            read_from: ReadFrom::default(),
            protocol: Protocol::default(),
            tls: TlsConfig::default(),
            pipeline: pipeline(),
        }
    }
}

/// The part of [`RedisConfig`] about connections that are used by one caller at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DedicatedConfig {
    /// How many there may be. Default 16.
    pub size: NonZeroUsize,
    /// Callers that may wait for one; one more is refused at once. Default 256.
    pub max_waiters: usize,
    /// How long a caller waits for one. Above zero. Default 5 s.
    #[serde(with = "seawall_core::friendly_duration")]
    pub wait_timeout: Duration,
}

impl Default for DedicatedConfig {
    fn default() -> Self {
        Self {
            size: const { NonZeroUsize::new(16).unwrap() },
            max_waiters: 256,
            wait_timeout: Duration::from_secs(5),
        }
    }
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// For servers older than Redis 6. The end of a connection is then noticed by the next command only.
    Resp2,
    /// What servers speak since Redis 6.
    #[default]
    Resp3,
}

impl RedisConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if let Some(count) = self.connections.filter(|count| count.get() > 64) {
            return Err(InvalidConfig::new("connections", count, "must be at most 64"));
        }
        for (field, time) in [
            ("connect_timeout", self.connect_timeout),
            ("reconnect_delay", self.reconnect_delay),
            ("slow_timeout", self.slow_timeout),
            ("blocking_margin", self.blocking_margin),
            ("dedicated.wait_timeout", self.dedicated.wait_timeout),
        ] {
            if time.is_zero() {
                return Err(InvalidConfig::new(field, "0s", "must be above zero"));
            }
        }
        self.tls.validate().map_err(|invalid| invalid.within("tls"))?;
        self.pipeline.validate().map_err(|invalid| invalid.within("pipeline"))
    }

    /// How many connections ordinary commands share.
    pub(crate) fn shared_connections(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        self.connections.map_or_else(|| processors().min(4), NonZeroUsize::get)
    }
}

/// A server in memory answers or is in trouble: attempts are short, and so is an open circuit, because the connections
/// find out by themselves when it is back.
fn pipeline() -> PipelineConfig {
    PipelineConfig {
        // A timer of its own for each call would only say what the attempts say together.
        deadline: None,
        attempt_timeout: Some(Duration::from_secs(2)),
        circuit_breaker: CircuitBreakerConfig {
            wait_duration_in_open: Duration::from_millis(500),
            // An attempt is cut long before it is slow.
            slow_call_rate_threshold: None,
            ..CircuitBreakerConfig::default()
        },
        concurrency_limit: None,
        ..PipelineConfig::default()
    }
}

fn pipeline_section<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PipelineConfig, D::Error> {
    PipelineConfig::deserialize_over(pipeline(), deserializer)
}

/// A number, or the word `"auto"`.
mod or_auto {
    use std::num::NonZeroUsize;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    enum Auto {
        #[serde(rename = "auto")]
        Auto,
    }

    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a number above zero, or \"auto\"")]
    enum Count {
        Auto(Auto),
        Given(NonZeroUsize),
    }

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(count: &Option<NonZeroUsize>, to: S) -> Result<S::Ok, S::Error> {
        match count {
            Some(count) => count.serialize(to),
            None => to.serialize_str("auto"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NonZeroUsize>, D::Error> {
        Ok(match Count::deserialize(from)? {
            Count::Auto(Auto::Auto) => None,
            Count::Given(count) => Some(count),
        })
    }
}
