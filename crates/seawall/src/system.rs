use std::fmt;
use std::sync::Arc;

use seawall_core::{Error, InvalidConfig, Observer};

use crate::gate::Gate;
use crate::{Config, ConfigError};

/// Files, HTTP, SQL and cache under one configuration, one telemetry and one shutdown.
///
/// A handle: clones share everything, and cost one reference count. Build one for the process and pass it along.
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use seawall::{AsyncIoSystem, Config};
///
/// let io = AsyncIoSystem::builder().config(Config::load()?).build().await?;
/// let answer: (i64,) = io.sql().query("select :a + 1").bind("a", 41).fetch_one().await?.decode()?;
/// assert_eq!(answer.0, 42);
/// io.shutdown(std::time::Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
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

    /// The configuration it was built with.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The in-process cache.
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

/// Builds an [`AsyncIoSystem`].
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    config: Config,
    observer: Option<Arc<dyn Observer>>,
    #[cfg(feature = "http")]
    http: Option<seawall_http::Http>,
    #[cfg(feature = "sql")]
    sql: Option<seawall_sql::Sql>,
    #[cfg(feature = "fs")]
    fs: Option<seawall_fs::Fs>,
}

impl Builder {
    /// Sets the configuration; default [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds an observer that is told everything the system's telemetry is told.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Uses this HTTP client in place of the one the configuration describes: your own stack, or the default one
    /// with your layers around it.
    #[cfg(feature = "http")]
    pub fn http(mut self, http: seawall_http::Http) -> Self {
        self.http = Some(http);
        self
    }

    /// Uses this database client in place of the one the configuration describes.
    #[cfg(feature = "sql")]
    pub fn sql(mut self, sql: seawall_sql::Sql) -> Self {
        self.sql = Some(sql);
        self
    }

    /// Uses this file client in place of the one the configuration describes.
    #[cfg(feature = "fs")]
    pub fn fs(mut self, fs: seawall_fs::Fs) -> Self {
        self.fs = Some(fs);
        self
    }

    /// Builds the clients and opens the database.
    ///
    /// # Errors
    /// A configuration that makes no sense, or a database that cannot be opened; the message says which and why.
    ///
    /// # Cancel safety
    /// Dropped half-way, it closes what it had opened.
    pub async fn build(self) -> Result<AsyncIoSystem, BuildError> {
        let config = self.config;
        config.validate()?;
        let gate = Gate::default();
        #[cfg(feature = "telemetry")]
        let telemetry = Arc::new(seawall_telemetry::Telemetry::new(&config.telemetry)?);
        #[cfg(feature = "telemetry")]
        let observer: Arc<dyn Observer> = Arc::new(Both(Arc::clone(&telemetry), self.observer));
        #[cfg(not(feature = "telemetry"))]
        let observer: Arc<dyn Observer> = Arc::new(self.observer);

        #[cfg(feature = "http")]
        let http = match self.http {
            Some(http) => http,
            None => seawall_http::Http::new(&config.http, Arc::clone(&observer))?,
        }
        .layer(gate.layer("http"));
        #[cfg(feature = "fs")]
        let fs = match self.fs {
            Some(fs) => fs,
            None => seawall_fs::Fs::new(&config.fs, Arc::clone(&observer))?,
        }
        .layer(gate.layer("fs"));
        #[cfg(feature = "sql")]
        let sql = match self.sql {
            Some(sql) => sql,
            None => {
                let url = config.database_url.expose();
                seawall_sql::Sql::connect(url, &config.sql, Arc::clone(&observer)).await?
            }
        }
        .layer(gate.layer("sql"));
        #[cfg(feature = "cache")]
        let cache = seawall_cache::Cache::new(&config.cache)?;
        drop(observer);

        let parts = Parts {
            config,
            gate,
            #[cfg(feature = "cache")]
            cache,
            #[cfg(feature = "fs")]
            fs,
            #[cfg(feature = "http")]
            http,
            #[cfg(feature = "sql")]
            sql,
            #[cfg(feature = "telemetry")]
            telemetry,
        };
        Ok(AsyncIoSystem { parts: Arc::new(parts) })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Two observers as one.
#[cfg(feature = "telemetry")]
struct Both<A, B>(A, B);

#[cfg(feature = "telemetry")]
impl<A: Observer, B: Observer> Observer for Both<A, B> {
    fn observe(&self, origin: seawall_core::Origin<'_>, event: &seawall_core::Event) {
        self.0.observe(origin, event);
        self.1.observe(origin, event);
    }
}

/// Why a system could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The configuration could not be read.
    Config(ConfigError),
    /// A value in the configuration makes no sense.
    Invalid(InvalidConfig),
    /// A client could not be opened.
    Client(Error),
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<InvalidConfig> for BuildError {
    fn from(invalid: InvalidConfig) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Invalid(invalid) => write!(f, "configuration: {invalid}"),
            Self::Client(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Invalid(invalid) => Some(invalid),
            Self::Client(error) => Some(error),
        }
    }
}
