use std::fmt;
use std::sync::Arc;

use seawall_core::Observer;

use crate::gate::Gate;
use crate::system::Parts;
use crate::{AsyncIoSystem, BuildError, Config};

/// Builds an [`AsyncIoSystem`].
#[derive(Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    /// In a box, because the future of `build` would carry it.
    config: Box<Config>,
    observer: Option<Arc<dyn Observer>>,
    #[cfg(feature = "http")]
    http: Option<seawall_http::Http>,
    #[cfg(feature = "sql")]
    sql: Option<seawall_sql::Sql>,
    #[cfg(feature = "redis")]
    redis: Option<seawall_redis::Redis>,
    #[cfg(feature = "fs")]
    fs: Option<seawall_fs::Fs>,
    #[cfg(feature = "telemetry")]
    telemetry: Option<Arc<seawall_telemetry::Telemetry>>,
}

impl Builder {
    /// Sets the configuration; default [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = Box::new(config);
        self
    }

    /// Adds an observer that is told everything the system's telemetry is told by the clients it builds. The last one
    /// given counts.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Uses this telemetry in place of the one the configuration describes: make it first, and hand it as observer to
    /// clients of your own, for their calls to be in [`stats`](AsyncIoSystem::stats) too.
    #[cfg(feature = "telemetry")]
    pub fn telemetry(mut self, telemetry: Arc<seawall_telemetry::Telemetry>) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// Uses this HTTP client in place of the one the configuration describes: your own stack, or the default one
    /// with your layers around it.
    #[cfg(feature = "http")]
    pub fn http(mut self, http: seawall_http::Http) -> Self {
        self.http = Some(http);
        self
    }

    /// Uses this database client in place of the one the configuration describes. A
    /// [`shutdown`](AsyncIoSystem::shutdown) closes its pools for all its clones.
    #[cfg(feature = "sql")]
    pub fn sql(mut self, sql: seawall_sql::Sql) -> Self {
        self.sql = Some(sql);
        self
    }

    /// Uses this Redis client in place of the one the configuration describes. A
    /// [`shutdown`](AsyncIoSystem::shutdown) closes it for all its clones.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, redis: seawall_redis::Redis) -> Self {
        self.redis = Some(redis);
        self
    }

    /// Uses this file client in place of the one the configuration describes.
    #[cfg(feature = "fs")]
    pub fn fs(mut self, fs: seawall_fs::Fs) -> Self {
        self.fs = Some(fs);
        self
    }

    /// Builds the clients and opens the database. A Redis is connected to in the background: it may come later. Numbers of the clients' pipelines that work against each other are
    /// written to the log as warnings.
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
        let telemetry = match self.telemetry {
            Some(telemetry) => telemetry,
            None => Arc::new(seawall_telemetry::Telemetry::new(&config.telemetry)?),
        };
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
            None => connect(&config, Arc::clone(&observer)).await?,
        }
        .layer(gate.layer("sql"));
        #[cfg(all(feature = "sql", feature = "telemetry"))]
        crate::pool_gauges::export(&telemetry, &sql);
        #[cfg(feature = "redis")]
        let redis = match (self.redis, config.redis_url.expose()) {
            (Some(redis), _) => Some(redis),
            (None, Some(url)) => Some(seawall_redis::Redis::lazy(url, &config.redis, Arc::clone(&observer))?),
            (None, None) => None,
        }
        .map(|redis| redis.layer(gate.layer("redis")));
        #[cfg(feature = "cache")]
        let cache = seawall_cache::Cache::any("default")
            .config(&config.cache)
            .pipeline("cache")
            .observer(Arc::clone(&observer));
        #[cfg(all(feature = "cache", feature = "redis"))]
        let cache = with_redis(cache, config.redis_cache.as_deref(), redis.as_ref())?;
        #[cfg(feature = "cache")]
        let cache = cache.build()?;
        drop(observer);

        let parts = Parts {
            config: *config,
            gate,
            #[cfg(feature = "cache")]
            cache,
            #[cfg(feature = "fs")]
            fs,
            #[cfg(feature = "http")]
            http,
            #[cfg(feature = "redis")]
            redis,
            #[cfg(feature = "sql")]
            sql,
            #[cfg(feature = "telemetry")]
            telemetry,
        };
        let system = AsyncIoSystem { parts: Arc::new(parts) };
        system.warn_of_instability();
        Ok(system)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(feature = "sql")]
async fn connect(
    config: &Config,
    observer: Arc<dyn Observer>,
) -> Result<seawall_sql::Sql, seawall_core::Error> {
    // The future of a connection is large, and most who build a system hold theirs in a frame of their own.
    Box::pin(seawall_sql::Sql::connect(config.database_url.expose(), &config.sql, observer)).await
}

#[cfg(all(feature = "cache", feature = "redis"))]
fn with_redis(
    cache: seawall_cache::CacheBuilder<String, seawall_cache::Encoded>,
    prefix: Option<&str>,
    redis: Option<&seawall_redis::Redis>,
) -> Result<seawall_cache::CacheBuilder<String, seawall_cache::Encoded>, seawall_core::InvalidConfig> {
    let Some(prefix) = prefix else { return Ok(cache) };
    let Some(redis) = redis else {
        let rule = "needs a Redis: a `redis_url`, or a client given to the builder";
        return Err(seawall_core::InvalidConfig::new("redis_cache", prefix, rule));
    };
    let tier = Arc::new(seawall_redis::RedisTier::new(redis, prefix));
    Ok(cache.second_tier(tier, seawall_cache::Json))
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

    fn measure(&self, measurement: &seawall_core::Measurement<'_>) {
        self.0.measure(measurement);
        self.1.measure(measurement);
    }

    fn wants_measurements(&self) -> bool {
        self.0.wants_measurements() || self.1.wants_measurements()
    }

    fn wants_span(&self) -> bool {
        self.0.wants_span() && self.1.wants_span()
    }

    /// A call belongs to one trace: what the system's own telemetry says of it is said last, and counts.
    fn trace_headers(&self, set: &mut dyn FnMut(&str, &str)) {
        self.1.trace_headers(set);
        self.0.trace_headers(set);
    }
}
