//! The layered configuration: defaults < file < environment.

mod environment;
mod error;

use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

pub use error::ConfigError;

use environment::Environment;

/// The file that [`Config::load`] reads when `SEAWALL_CONFIG` names no other.
const FILE: &str = "seawall.toml";

/// The configuration of an [`AsyncIoSystem`](crate::AsyncIoSystem).
///
/// | section | what it configures |
/// |---|---|
/// | `cache` | [`CacheConfig`](seawall_cache::CacheConfig) |
/// | `fs` | [`FsConfig`](seawall_fs::FsConfig) |
/// | `http` | [`HttpConfig`](seawall_http::HttpConfig) |
/// | `database_url` | `sqlite://FILE` or `postgres://…`, default `sqlite://seawall.db` |
/// | `sql` | [`SqlConfig`](seawall_sql::SqlConfig) |
/// | `telemetry` | [`TelemetryConfig`](seawall_telemetry::TelemetryConfig) |
/// | `shutdown_deadline` | how long [`shutdown`](crate::AsyncIoSystem::shutdown) drains when nobody says otherwise, default 10 s |
///
/// Layers are merged key by key, the later over the earlier: these defaults, then the file, then the environment.
/// `http.connect_timeout` is `SEAWALL_HTTP__CONNECT_TIMEOUT` there: two underscores go one level down.
/// An unknown key, a value of the wrong type and a value that makes no sense are errors that name the key and the
/// source it came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The in-process cache.
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
    /// Telemetry.
    #[cfg(feature = "telemetry")]
    pub telemetry: seawall_telemetry::TelemetryConfig,
    /// How long a shutdown waits for calls under way.
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
            database_url: DatabaseUrl("sqlite://seawall.db".to_owned()),
            #[cfg(feature = "sql")]
            sql: seawall_sql::SqlConfig::default(),
            #[cfg(feature = "telemetry")]
            telemetry: seawall_telemetry::TelemetryConfig::default(),
            shutdown_deadline: Duration::from_secs(10),
        }
    }
}

/// The address of the database: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
///
/// It may hold a password, so it is never shown: `Debug` prints `***`.
#[cfg(feature = "sql")]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

#[cfg(feature = "sql")]
impl DatabaseUrl {
    /// The address, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "sql")]
impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

#[cfg(feature = "sql")]
impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Config {
    /// Reads `seawall.toml` in the working directory, or the file that `SEAWALL_CONFIG` names, and the environment.
    ///
    /// # Errors
    /// Names the key and where it came from. A missing `seawall.toml` is none; a missing `SEAWALL_CONFIG` file is.
    pub fn load() -> Result<Self, ConfigError> {
        let named = std::env::var_os("SEAWALL_CONFIG").map(PathBuf::from);
        let file = match &named {
            Some(path) if !path.is_file() => {
                return Err(ConfigError::missing_file(path));
            }
            Some(path) => Some(path.as_path()),
            None => Some(Path::new(FILE)).filter(|path| path.is_file()),
        };
        Self::from_layers(file, std::env::vars())
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
        let mut layers = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            layers = layers.merge(Toml::file_exact(file));
        }
        layers = layers.merge(Environment::new(environment));
        let config: Self = layers.extract().map_err(|error| ConfigError::from_figment(error, &layers))?;
        config.validate().map_err(|invalid| ConfigError::invalid(&invalid, &layers))?;
        Ok(config)
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
        #[cfg(feature = "telemetry")]
        self.telemetry.validate().map_err(|invalid| invalid.within("telemetry"))?;
        Ok(())
    }
}
