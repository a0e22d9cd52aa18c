use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{CircuitBreakerConfig, InvalidConfig};
use seawall_tower::PipelineConfig;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{QueryCacheConfig, ReplicasConfig, SlowQueriesConfig};

/// Configuration of an [`Sql`](crate::Sql) client.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `pool.size` | 10 | connections at most; on SQLite those that read, beside the one that writes |
/// | `pool.max_overflow` | 0 | connections beyond that, while callers wait for one |
/// | `pool.overflow_linger` | 10s | such a connection is closed when it has not been used for so long |
/// | `pool.min_idle` | 0 | connections that are kept open though nobody needs them |
/// | `pool.max_waiters` | 1024 | callers that may wait for a connection; one more is refused at once |
/// | `pool.wait_timeout` | 5s | how long a caller waits for a connection |
/// | `pool.connect_timeout` | 5s | how long opening a connection may take |
/// | `pool.validate_after_idle` | 1s | a connection idle for longer is asked whether it still answers |
/// | `pool.idle_timeout` | 10m | a connection that has not been used for so long is closed |
/// | `pool.max_lifetime` | 30m | a connection older than this, less up to a tenth at random, is closed |
/// | `pool.leak_threshold` | 30s | a connection in use for longer is told of, with who has it; or `"off"` |
/// | `pool.statement_cache` | 100 | prepared statements that each connection keeps |
/// | `pool.pooler` | `none` | `transaction`: a pooler in transaction mode (pgbouncer) stands before a Postgres server |
/// | `pool.role` | `any` | `primary` refuses servers that take no writes, `replica` those that do; not on SQLite |
/// | `sqlite.busy_timeout` | 5s | how long SQLite waits for a lock that another process holds |
/// | `sqlite.synchronous` | `normal` | `normal`: a power cut may lose the last commits, never the file; `full`: none |
/// | `replicas.urls` | none | servers that follow, for reads that say so |
/// | `replicas.max_lag` | 10s | one that is farther behind is not read from |
/// | `replicas.probe_interval` | 1s | how often each is asked how far behind it is |
/// | `slow_queries.threshold` | 500ms | a call that takes at least so long is kept in mind; or `"off"` |
/// | `slow_queries.capacity` | 100 | how many different statements are kept in mind |
/// | `query_cache.capacity` | 67108864 | bytes of rows that are kept for queries which say so |
/// | `pipeline` | see [`PipelineConfig`] | deadline, retry, circuit breaker, rate limit |
/// | `pipeline.concurrency_limit` | `"off"` | a limit that learns, in front of the pool, which is one already |
/// | `pipeline.circuit_breaker.wait_duration_in_open` | 500ms | how long an open circuit waits before it asks again |
/// | `pipeline.circuit_breaker.ramp` | 0s | for how long a closed circuit lets calls in by degrees |
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
    /// Servers that follow the one that writes.
    pub replicas: ReplicasConfig,
    /// Which queries are slow.
    pub slow_queries: SlowQueriesConfig,
    /// The cache of queries.
    pub query_cache: QueryCacheConfig,
    /// The default stack in front of the database.
    #[serde(deserialize_with = "pipeline_section")]
    pub pipeline: PipelineConfig,
}

impl Default for SqlConfig {
    fn default() -> Self {
        Self {
            pool: PoolConfig::default(),
            sqlite: SqliteConfig::default(),
            replicas: ReplicasConfig::default(),
            slow_queries: SlowQueriesConfig::default(),
            query_cache: QueryCacheConfig::default(),
            pipeline: pipeline(),
        }
    }
}

/// The pool is a limit already, and of two limits in a row one only waits for the other. It also spares a database that
/// is back: the circuit asks often whether it is, and then lets everybody in.
fn pipeline() -> PipelineConfig {
    let circuit_breaker = CircuitBreakerConfig {
        wait_duration_in_open: Duration::from_millis(500),
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::default()
    };
    PipelineConfig { concurrency_limit: None, circuit_breaker, ..PipelineConfig::default() }
}

fn pipeline_section<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PipelineConfig, D::Error> {
    PipelineConfig::deserialize_over(pipeline(), deserializer)
}

impl SqlConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        self.pool.validate().map_err(|invalid| invalid.within("pool"))?;
        self.replicas.validate().map_err(|invalid| invalid.within("replicas"))?;
        self.slow_queries.validate().map_err(|invalid| invalid.within("slow_queries"))?;
        self.pipeline.validate().map_err(|invalid| invalid.within("pipeline"))
    }
}

/// The part of [`SqlConfig`] that sizes and times the pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// Connections at most; on SQLite those that read, beside the one that writes.
    pub size: NonZeroUsize,
    /// Connections beyond that, opened while callers wait for one. Default 0.
    pub max_overflow: usize,
    /// A connection beyond the size is closed when it has not been used for so long.
    #[serde(with = "seawall_core::friendly_duration")]
    pub overflow_linger: Duration,
    /// Connections that are kept open though nobody needs them; at most the size.
    pub min_idle: usize,
    /// Callers that may wait for a connection; one more is refused at once, or whoever matters least. At most 1 000 000.
    pub max_waiters: usize,
    /// How long a caller waits for one of the connections. Who gets a new one has the time to open it on top.
    #[serde(with = "seawall_core::friendly_duration")]
    pub wait_timeout: Duration,
    /// How long opening a connection may take, encryption and login included.
    #[serde(with = "seawall_core::friendly_duration")]
    pub connect_timeout: Duration,
    /// A connection idle for longer than this is asked whether it still answers before it is handed out.
    #[serde(with = "seawall_core::friendly_duration")]
    pub validate_after_idle: Duration,
    /// A connection that has not been used for so long is closed.
    #[serde(with = "seawall_core::friendly_duration")]
    pub idle_timeout: Duration,
    /// A connection older than this, less up to a tenth at random, is closed instead of being used again.
    #[serde(with = "seawall_core::friendly_duration")]
    pub max_lifetime: Duration,
    /// A connection in use for longer than this may have been forgotten: who has it is told to the observer.
    #[serde(with = "seawall_core::or_off::duration")]
    pub leak_threshold: Option<Duration>,
    /// Prepared statements that each connection keeps; the one used longest ago makes room.
    pub statement_cache: usize,
    /// What stands between the client and the server.
    pub pooler: Pooler,
    /// What the server must be, asked when a connection is opened.
    pub role: Role,
}

/// What stands between the client and a Postgres server. Other databases are not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooler {
    /// Nothing, or something that goes with a connection to its end.
    #[default]
    None,
    /// Something that gives each transaction to another process of the server, such as pgbouncer in transaction mode.
    ///
    /// No statement is prepared by name, each goes in a transaction of its own or in the one that is open, and parameters have
    /// the type of what is bound: say another one in the text, as in `:id::uuid`. There are no bulk loads, and a
    /// statement that may not be in a transaction (`vacuum`) cannot be run. What is abandoned, the pooler stops.
    Transaction,
}

/// What a server must be to be connected to. SQLite's files are not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whatever it is.
    #[default]
    Any,
    /// It takes writes.
    Primary,
    /// It takes none.
    Replica,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            size: const { NonZeroUsize::new(10).unwrap() },
            max_overflow: 0,
            overflow_linger: Duration::from_secs(10),
            min_idle: 0,
            max_waiters: 1024,
            wait_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            validate_after_idle: Duration::from_secs(1),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
            leak_threshold: Some(Duration::from_secs(30)),
            statement_cache: 100,
            pooler: Pooler::None,
            role: Role::Any,
        }
    }
}

impl PoolConfig {
    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        if self.max_waiters > 1_000_000 {
            return Err(InvalidConfig::new("max_waiters", self.max_waiters, "must be at most 1000000"));
        }
        if self.min_idle > self.size.get() {
            return Err(InvalidConfig::new("min_idle", self.min_idle, "must be at most size"));
        }
        if self.leak_threshold.is_some_and(|threshold| threshold.is_zero()) {
            return Err(InvalidConfig::new("leak_threshold", "0s", "must be above zero, or \"off\""));
        }
        Ok(())
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
