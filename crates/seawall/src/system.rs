use std::fmt;
use std::sync::Arc;

use crate::gate::Gate;
use crate::{Builder, Config};

/// Files, HTTP, SQL and cache under one configuration, one telemetry and one shutdown.
///
/// A handle: clones share everything, and cost one reference count. Build one for the process and pass it along.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use seawall::{AsyncIoSystem, Config};
///
/// let mut config = Config::default();
/// config.database_url = "sqlite::memory:".into();
/// let io = AsyncIoSystem::builder().config(config).build().await?;
///
/// let answer: (i64,) = io.sql().query("select :a + 1").bind("a", 41).fetch_one().await?;
/// assert_eq!(answer.0, 42);
/// io.shutdown(Duration::from_secs(10)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AsyncIoSystem {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) gate: Gate,
    #[cfg(feature = "cache")]
    pub(crate) cache: seawall_cache::Cache,
    #[cfg(feature = "fs")]
    pub(crate) fs: seawall_fs::Fs,
    #[cfg(feature = "http")]
    pub(crate) http: seawall_http::Http,
    #[cfg(feature = "redis")]
    pub(crate) redis: Option<seawall_redis::Redis>,
    #[cfg(feature = "sql")]
    pub(crate) sql: seawall_sql::Sql,
    #[cfg(feature = "telemetry")]
    pub(crate) telemetry: Arc<seawall_telemetry::Telemetry>,
}

impl AsyncIoSystem {
    /// Begins a system with every default: `SQLite` in `seawall.db`, an in-process cache, nothing to install.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The configuration it was built with. It says nothing about clients of your own.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The cache: memory, and a Redis behind it if the configuration says so (`redis_cache`). Its memory outlives a
    /// [`shutdown`](Self::shutdown).
    #[cfg(feature = "cache")]
    pub fn cache(&self) -> &seawall_cache::Cache {
        &self.parts.cache
    }

    /// File I/O.
    #[cfg(feature = "fs")]
    pub fn fs(&self) -> &seawall_fs::Fs {
        &self.parts.fs
    }

    /// The HTTP client.
    #[cfg(feature = "http")]
    pub fn http(&self) -> &seawall_http::Http {
        &self.parts.http
    }

    /// The Redis, if the configuration names one or the builder was given one.
    #[cfg(feature = "redis")]
    pub fn redis(&self) -> Option<&seawall_redis::Redis> {
        self.parts.redis.as_ref()
    }

    /// The database.
    #[cfg(feature = "sql")]
    pub fn sql(&self) -> &seawall_sql::Sql {
        &self.parts.sql
    }

    /// Telemetry: statistics, and what the exporters say.
    #[cfg(feature = "telemetry")]
    pub fn telemetry(&self) -> &seawall_telemetry::Telemetry {
        &self.parts.telemetry
    }
}

impl fmt::Debug for AsyncIoSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncIoSystem").field("config", &self.parts.config).finish_non_exhaustive()
    }
}
