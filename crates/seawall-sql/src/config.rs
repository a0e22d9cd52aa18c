use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{
    CircuitBreakerConfig, HedgeConfig, InvalidConfig, RateLimitConfig, RetryBudgetConfig, or_off,
};
use seawall_tower::{ConcurrencyLimitConfig, Load, PipelineConfig, RetryConfig};
use serde::{Deserialize, Serialize};

/// Configuration of an [`Sql`](crate::Sql) client.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `pool.size` | 10 | connections at most; on SQLite those that read, beside the one that writes |
/// | `pool.max_waiters` | 1024 | callers that may wait for a connection; one more is refused at once |
/// | `pool.wait_timeout` | 5s | how long a caller waits for a connection |
/// | `pool.connect_timeout` | 5s | how long opening a connection may take |
/// | `pool.validate_after_idle` | 1s | a connection idle for longer is asked whether it still answers |
/// | `pool.max_lifetime` | 30m | a connection older than this, less up to a tenth at random, is closed |
/// | `sqlite.busy_timeout` | 5s | how long SQLite waits for a lock that another process holds |
/// | `sqlite.synchronous` | `normal` | `normal`: a power cut may lose the last commits, never the file; `full`: none |
/// | `pipeline` | see [`PipelineConfig`] | deadline, retry, circuit breaker, rate limit |
/// | `pipeline.concurrency_limit` | `"off"` | a limit that learns, in front of the pool, which is one already |
///
/// ```
/// let config: seawall_sql::SqlConfig =
///     serde_json::from_str(r#"{"pool": {"size": 4, "wait_timeout": "250ms"}}"#).unwrap();
/// assert_eq!(config.pool.size.get(), 4);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqlConfig {
    /// The pool of connections.
    pub pool: PoolConfig,
    /// What only SQLite has.
    pub sqlite: SqliteConfig,
    /// The default stack in front of the database.
    #[serde(deserialize_with = "PipelineSection::deserialize")]
    pub pipeline: PipelineConfig,
}

impl Default for SqlConfig {
    fn default() -> Self {
        Self { pool: PoolConfig::default(), sqlite: SqliteConfig::default(), pipeline: pipeline() }
    }
}

/// The pool is a limit already, and of two limits in a row one only waits for the other.
fn pipeline() -> PipelineConfig {
    PipelineConfig { concurrency_limit: None, ..PipelineConfig::default() }
}

/// Reads a [`PipelineConfig`] with the defaults of this crate for what it leaves out.
#[derive(Deserialize)]
#[serde(remote = "PipelineConfig", default = "pipeline", deny_unknown_fields)]
struct PipelineSection {
    #[serde(with = "or_off::duration")]
    deadline: Option<Duration>,
    #[serde(with = "or_off::duration")]
    attempt_timeout: Option<Duration>,
    retry: RetryConfig,
    retry_budget: RetryBudgetConfig,
    #[serde(with = "or_off")]
    hedge: Option<HedgeConfig>,
    circuit_breaker: CircuitBreakerConfig,
    #[serde(with = "or_off")]
    concurrency_limit: Option<ConcurrencyLimitConfig>,
    #[serde(with = "or_off")]
    rate_limit: Option<RateLimitConfig>,
    max_targets: NonZeroUsize,
    #[serde(with = "or_off")]
    expected_load: Option<Load>,
}

impl SqlConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        self.pipeline.validate().map_err(|invalid| invalid.within("pipeline"))
    }
}

/// The part of [`SqlConfig`] that sizes and times the pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// Connections at most; on SQLite those that read, beside the one that writes.
    pub size: NonZeroUsize,
    /// Callers that may wait for a connection; one more is refused at once.
    pub max_waiters: usize,
    /// How long a caller waits for a connection.
    #[serde(with = "seawall_core::friendly_duration")]
    pub wait_timeout: Duration,
    /// How long opening a connection may take, encryption and login included.
    #[serde(with = "seawall_core::friendly_duration")]
    pub connect_timeout: Duration,
    /// A connection idle for longer than this is asked whether it still answers before it is handed out.
    #[serde(with = "seawall_core::friendly_duration")]
    pub validate_after_idle: Duration,
    /// A connection older than this, less up to a tenth at random, is closed instead of being used again.
    #[serde(with = "seawall_core::friendly_duration")]
    pub max_lifetime: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            size: const { NonZeroUsize::new(10).unwrap() },
            max_waiters: 1024,
            wait_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            validate_after_idle: Duration::from_secs(1),
            max_lifetime: Duration::from_mins(30),
        }
    }
}

/// The part of [`SqlConfig`] that only SQLite has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteConfig {
    /// How long SQLite waits for a lock that another process holds.
    #[serde(with = "seawall_core::friendly_duration")]
    pub busy_timeout: Duration,
    /// How hard a commit tries to reach the disk.
    pub synchronous: Synchronous,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), synchronous: Synchronous::Normal }
    }
}

/// SQLite's `synchronous` in the write-ahead mode that the client uses. <https://www.sqlite.org/pragma.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// A power cut may take back the last commits. It never damages the file.
    #[default]
    Normal,
    /// Every commit is on the disk when it returns; some fifteen times fewer of them fit in a second.
    Full,
}
