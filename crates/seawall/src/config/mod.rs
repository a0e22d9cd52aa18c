//! The layered configuration: defaults < file < environment.

#[cfg(feature = "sql")]
mod database_url;
mod environment;
mod error;
mod layer;
mod layers;
#[cfg(feature = "redis")]
mod redis_url;

use std::path::Path;
use std::time::Duration;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

#[cfg(feature = "sql")]
pub use database_url::DatabaseUrl;
pub use error::ConfigError;
#[cfg(feature = "redis")]
pub use redis_url::RedisUrl;

use environment::{Environment, FILE_VARIABLE};
use layer::File;

/// The file that [`Config::load`] reads when `SEAWALL_CONFIG` names no other.
const FILE: &str = "seawall.toml";

/// The configuration of an [`AsyncIoSystem`](crate::AsyncIoSystem).
///
/// | section | what it configures |
/// |---|---|
/// | `cache` | [`CacheConfig`](seawall_cache::CacheConfig) |
/// | `fs` | [`FsConfig`](seawall_fs::FsConfig) |
/// | `http` | [`HttpConfig`](seawall_http::HttpConfig) |
/// | `database_url` | `sqlite://FILE`, `postgres://…` or `mysql://…` ([`DatabaseUrl`]), default `sqlite://seawall.db` |
/// | `sql` | [`SqlConfig`](seawall_sql::SqlConfig) |
/// | `redis_url` | `redis://…`, default `off` (feature `redis`) |
/// | `redis` | how that Redis is spoken to: `RedisConfig` (feature `redis`) |
/// | `redis_cache` | what keys of the cache begin with in that Redis, which is its second tier then, for processes to share; default `off` (feature `redis`) |
/// | `telemetry` | [`TelemetryConfig`](seawall_telemetry::TelemetryConfig) |
/// | `shutdown_deadline` | for a service to hand to [`shutdown`](crate::AsyncIoSystem::shutdown), default 10 s |
///
/// Layers are merged key by key, the later over the earlier: these defaults, then the file, then the environment.
/// `http.connect_timeout` is `SEAWALL_HTTP__CONNECT_TIMEOUT` there: two underscores go one level down.
/// A variable is text where text is wanted, without the white space or the double quotes around it; elsewhere it is
/// `true`, a number, a list `[a, b]` or a section `{a = 1, b = 2}`.
/// An unknown key, a value of the wrong type and a value that makes no sense are errors that name the key and the
/// source it came from.
///
/// `Debug` shows no secret. Serializing writes them in full, so that a configuration can be read back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The cache.
    #[cfg(feature = "cache")]
    pub cache: seawall_cache::CacheConfig,
    /// File I/O.
    #[cfg(feature = "fs")]
    pub fs: seawall_fs::FsConfig,
    /// The HTTP client.
    #[cfg(feature = "http")]
    pub http: seawall_http::HttpConfig,
    /// Which database.
    #[cfg(feature = "sql")]
    pub database_url: DatabaseUrl,
    /// How the database is spoken to.
    #[cfg(feature = "sql")]
    pub sql: seawall_sql::SqlConfig,
    /// Which Redis, if any.
    #[cfg(feature = "redis")]
    pub redis_url: RedisUrl,
    /// How that Redis is spoken to.
    #[cfg(feature = "redis")]
    pub redis: seawall_redis::RedisConfig,
    /// Makes that Redis the cache's second tier: what its keys, and the channel by which processes tell each other what is
    /// outdated, begin with. Systems of the same word share their entries, so take the service's name. `None`, which is
    /// `"off"` in a file, leaves each process with a cache of its own. How far Redis is trusted is in `cache.second_tier`.
    #[cfg(all(feature = "cache", feature = "redis"))]
    #[serde(with = "seawall_core::or_off")]
    pub redis_cache: Option<String>,
    /// Telemetry.
    #[cfg(feature = "telemetry")]
    pub telemetry: seawall_telemetry::TelemetryConfig,
    /// How long a shutdown may take, for a service to hand to [`shutdown`](crate::AsyncIoSystem::shutdown): nothing
    /// reads it by itself.
    #[serde(with = "seawall_core::friendly_duration")]
    pub shutdown_deadline: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            #[cfg(feature = "cache")]
            cache: seawall_cache::CacheConfig::default(),
            #[cfg(feature = "fs")]
            fs: seawall_fs::FsConfig::default(),
            #[cfg(feature = "http")]
            http: seawall_http::HttpConfig::default(),
            #[cfg(feature = "sql")]
            database_url: "sqlite://seawall.db".into(),
            #[cfg(feature = "sql")]
            sql: seawall_sql::SqlConfig::default(),
            #[cfg(feature = "redis")]
            redis_url: RedisUrl::default(),
            #[cfg(feature = "redis")]
            redis: seawall_redis::RedisConfig::default(),
            #[cfg(all(feature = "cache", feature = "redis"))]
            redis_cache: None,
            #[cfg(feature = "telemetry")]
            telemetry: seawall_telemetry::TelemetryConfig::default(),
            shutdown_deadline: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Reads `seawall.toml` in the working directory, or the file that `SEAWALL_CONFIG` names, and the environment.
    ///
    /// # Errors
    /// Names the key and where it came from. A missing `seawall.toml` is none; a missing `SEAWALL_CONFIG` file is.
    pub fn load() -> Result<Self, ConfigError> {
        let environment = Environment::of_process()?;
        if let Some(path) = std::env::var_os(FILE_VARIABLE) {
            let named = Self::from_layers(Some(Path::new(&path)), environment);
            return named.map_err(|error| error.named_by(FILE_VARIABLE));
        }
        let file = Path::new(FILE);
        Self::from_layers(file.exists().then_some(file), environment)
    }

    /// Reads this file, if any, and these environment variables. What [`load`](Self::load) does, for tests and for
    /// programs with a place of their own for configuration.
    ///
    /// ```
    /// use seawall::Config;
    ///
    /// let variable = ("SEAWALL_SHUTDOWN_DEADLINE".to_owned(), "3s".to_owned());
    /// let config = Config::from_layers(None, [variable]).unwrap();
    /// assert_eq!(config.shutdown_deadline.as_secs(), 3);
    ///
    /// let typo = ("SEAWALL_SHUTDOWN_DEADLIN".to_owned(), "3s".to_owned());
    /// let error = Config::from_layers(None, [typo]).unwrap_err().to_string();
    /// assert!(error.contains("SEAWALL_SHUTDOWN_DEADLIN"), "{error}");
    /// ```
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_layers(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let file = file.map(File::read).transpose()?;
        layers::read(file.as_ref(), &Environment::new(environment))
    }

    /// Checks every section.
    ///
    /// # Errors
    /// The first value that makes no sense, by its key.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        #[cfg(feature = "cache")]
        self.cache.validate().map_err(|invalid| invalid.within("cache"))?;
        #[cfg(feature = "fs")]
        self.fs.validate().map_err(|invalid| invalid.within("fs"))?;
        #[cfg(feature = "http")]
        self.http.validate().map_err(|invalid| invalid.within("http"))?;
        #[cfg(feature = "sql")]
        self.sql.validate().map_err(|invalid| invalid.within("sql"))?;
        #[cfg(feature = "redis")]
        self.redis.validate().map_err(|invalid| invalid.within("redis"))?;
        #[cfg(all(feature = "cache", feature = "redis"))]
        if self.redis_cache.as_ref().is_some_and(String::is_empty) {
            return Err(InvalidConfig::new("redis_cache", "\"\"", "must not be empty"));
        }
        #[cfg(feature = "telemetry")]
        self.telemetry.validate().map_err(|invalid| invalid.within("telemetry"))?;
        Ok(())
    }
}
