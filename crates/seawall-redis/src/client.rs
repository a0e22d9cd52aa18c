use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, ToRedisArgs, Value};
use seawall_core::{Error, FailureKind, Observer};
use seawall_tower::Pipeline;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::backend::Backend;
use crate::classify::LAYER;
use crate::pubsub::Post;
use crate::{Command, Pipelined, RedisClassifier, RedisConfig, RedisStats, Reply, Request, Session};

/// A client of one Redis server, or of a cluster: a name for one tower service from [`Request`] to [`Reply`].
///
/// Cheap to clone; all clones share the connections and the stack. The stack is the [`Pipeline`] of the configuration
/// (deadline, retry with its budget, circuit breaker) in front of few connections that everybody shares, and of some that
/// one caller has for himself while he needs one: which of them a command goes over is decided by what it is. Put more
/// in front with [`layer`](Self::layer), or stand on a stack of your own with [`from_service`](Self::from_service).
///
/// Every future it makes is cancel safe for the client. Whether the server carried out what was sent by then is unknown.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
/// use std::sync::Arc;
/// use seawall_redis::{Redis, RedisConfig};
///
/// let redis = Redis::connect("redis://127.0.0.1", &RedisConfig::default(), Arc::new(())).await?;
/// redis.set("greeting", "hello").await?;
/// let greeting: Option<String> = redis.get("greeting").await?;
/// assert_eq!(greeting.as_deref(), Some("hello"));
/// let visits: i64 = redis.command("INCRBY").arg("visits").arg(2).query().await?;
/// # let _ = visits;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Redis(Kind);

#[derive(Clone)]
enum Kind {
    /// What [`Redis::connect`] puts together.
    Standard(Backend),
    /// A stack of the user's own, or layers of theirs around the standard one.
    Custom { service: Erased, around: Option<Backend> },
}

type Erased = BoxCloneSyncService<Request, Reply, Error>;

impl Redis {
    /// Connects to a server: `redis://user:password@host:port/database`, the same with `rediss` for TLS (see
    /// [`TlsConfig`](crate::TlsConfig)), or `unix:///path`.
    ///
    /// With the feature `sentinel` also to the primary that sentinels know:
    /// `redis-sentinel://user:password@host:port,host:port/primary/database` (`rediss-sentinel` for TLS with all of them),
    /// whose login is that of the servers. Sentinels that ask for one get theirs by
    /// `?sentinel_user=…&sentinel_password=…`.
    ///
    /// With the feature `cluster` also to a cluster, of which one server or several are named:
    /// `redis-cluster://user:password@host:port,host:port` (`rediss-cluster` for TLS).
    ///
    /// One connection is made at once, so that what cannot work is said here.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a URL that cannot be read, a configuration that makes no sense or a login that is
    /// refused; the kind of the failure if the server cannot be reached. The password of the URL is in none of them.
    pub async fn connect(
        url: &str,
        config: &RedisConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let backend = Backend::new(url, config, observer)?;
        backend.first().await?;
        Ok(Self(Kind::Standard(backend)))
    }

    /// The same, connecting in the background: for a service that starts while its Redis is away. Must be called within
    /// a tokio runtime.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] for a URL that cannot be read or a configuration that makes no sense.
    pub fn lazy(url: &str, config: &RedisConfig, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        Backend::new(url, config, observer).map(|backend| Self(Kind::Standard(backend)))
    }

    /// A client over any service, for a stack or a double of your own.
    ///
    /// It has no connections: [`stats`](Self::stats) has nothing to say, and nobody can listen.
    ///
    /// ```
    /// use seawall_redis::redis::Value;
    /// use seawall_redis::{Redis, Reply, Request};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// let double = tower::service_fn(async |request: Request| {
    ///     Ok::<_, seawall_core::Error>(Reply::Value(Value::SimpleString(request.name().to_owned())))
    /// });
    /// let redis = Redis::from_service(double);
    /// assert_eq!(redis.get::<String>("key").await?, "GET");
    /// # Ok(()) }
    /// ```
    pub fn from_service<S>(service: S) -> Self
    where
        S: Service<Request, Response = Reply, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Self(Kind::Custom { service: BoxCloneSyncService::new(service), around: None })
    }

    /// Puts a tower layer around the client: it sees a call once, however often the pipeline tries it.
    ///
    /// The first layer put around is the innermost.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Request, Response = Reply, Error = Error> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let around = self.backend().cloned();
        Self(Kind::Custom { service: BoxCloneSyncService::new(layer.layer(self)), around })
    }

    /// Begins a command by its name. Anything goes over the connection that is right for it; what would change a
    /// connection that others share is refused, with a word on what to use instead.
    pub fn command(&self, name: &str) -> Command<'_> {
        Command::on_client(self, name)
    }

    /// Begins several commands that are sent at once.
    pub fn pipelined(&self) -> Pipelined<'_> {
        Pipelined::new(self)
    }

    /// Makes any call; what all others go through.
    ///
    /// # Errors
    /// Those of the stack and of the server.
    pub async fn call(&self, request: Request) -> Result<Reply, Error> {
        match &self.0 {
            Kind::Standard(Backend::One(stack)) => stack.call(request).await,
            // In a box, so that calls of a single server do not have room for it.
            #[cfg(feature = "cluster")]
            Kind::Standard(Backend::Cluster(cluster)) => Box::pin(cluster.call(request)).await,
            Kind::Custom { service, .. } => service.clone().oneshot(request).await,
        }
    }

    /// A connection for this caller alone, for `WATCH` and whatever else changes a connection. Of a cluster it is with
    /// the server of some keys: use [`session_for`](Self::session_for).
    ///
    /// # Errors
    /// [`FailureKind::Overloaded`] of the layer `redis_pool` if none came free in time; otherwise as any call.
    pub async fn session(&self) -> Result<Session, Error> {
        self.begin_session(Vec::new()).await
    }

    /// The same to the server that has these keys: of a cluster a session is with one of its servers, and takes commands
    /// on keys that are there. Keys of one hash tag (`{user:1}:name`, `{user:1}:visits`) always are at one server.
    ///
    /// # Errors
    /// As [`session`](Self::session); [`FailureKind::Permanent`] for keys of several slots of a cluster.
    pub async fn session_for(&self, keys: impl ToRedisArgs) -> Result<Session, Error> {
        self.begin_session(keys.to_redis_args()).await
    }

    pub(crate) async fn begin_session(&self, keys: Vec<Vec<u8>>) -> Result<Session, Error> {
        match self.call(Request::session(keys)).await? {
            Reply::Session(session) => Ok(session),
            Reply::Value(_) => Err(strange("a value in place of a session")),
        }
    }

    /// Asks the server whether it lives, past the stack, so that an open circuit does not hide it.
    ///
    /// # Errors
    /// Why it does not, or why nobody can tell.
    pub async fn ping(&self) -> Result<(), Error> {
        self.connected()?.ping().await
    }

    /// How the connections stand; nothing for a client over a service of somebody else's.
    pub fn stats(&self) -> Option<RedisStats> {
        self.backend().map(Backend::stats)
    }

    /// Grows whenever a connection was lost, and with it perhaps what was known of the server's data. Zero for a client
    /// over a service of somebody else's.
    pub fn generation(&self) -> u64 {
        self.backend().map_or(0, Backend::generation)
    }

    /// The stack that [`connect`](Self::connect) built: circuit breakers and retry budgets.
    pub fn pipeline(&self) -> Option<&Pipeline<RedisClassifier>> {
        self.backend().map(Backend::pipeline)
    }

    /// Makes no more calls, waits for those under way, and closes the connections.
    ///
    /// # Errors
    /// [`FailureKind::Timeout`] if some were still under way after `patience`: their connections close when they end.
    pub async fn close(&self, patience: Duration) -> Result<(), Error> {
        let Some(backend) = self.backend() else { return Ok(()) };
        let now = tokio::time::Instant::now();
        let deadline = now.checked_add(patience).unwrap_or_else(|| now + Duration::from_hours(24 * 365));
        match backend.close(deadline).await {
            0 => Ok(()),
            left => Err(Error::new(FailureKind::Timeout, LAYER, backend.name())
                .with_message(format!("{left} calls were still under way after {patience:?}"))),
        }
    }

    /// Sends a command and reads its answer as a `T`.
    pub(crate) async fn ask<T: FromRedisValue>(&self, request: Request) -> Result<T, Error> {
        let reply = match &self.0 {
            // Not by way of `call`: what is nested is moved from future to future.
            Kind::Standard(Backend::One(stack)) => stack.call(request).await?,
            _ => Box::pin(self.call(request)).await?,
        };
        match reply {
            Reply::Value(value) => read(value),
            Reply::Session(_) => Err(strange("a session in place of a value")),
        }
    }

    /// Where it listens.
    pub(crate) fn post(&self) -> Result<Post, Error> {
        self.connected().map(Backend::post)
    }

    fn connected(&self) -> Result<&Backend, Error> {
        let none = || {
            Error::new(FailureKind::Permanent, LAYER, "client")
                .with_message("this client stands on a service of its own and has no connections")
                .not_executed()
        };
        self.backend().ok_or_else(none)
    }

    fn backend(&self) -> Option<&Backend> {
        match &self.0 {
            Kind::Standard(backend) => Some(backend),
            Kind::Custom { around, .. } => around.as_ref(),
        }
    }
}

/// A client is the service that it is a name for.
impl Service<Request> for Redis {
    type Response = Reply;
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let redis = self.clone();
        Box::pin(async move { Redis::call(&redis, request).await })
    }
}

/// The answer as its caller wants it.
pub(crate) fn read<T: FromRedisValue>(value: Value) -> Result<T, Error> {
    redis::from_redis_value(value).map_err(|cause| {
        Error::new(FailureKind::Permanent, LAYER, "answer")
            .with_message("the answer is not of the type that was asked for")
            .with_source(cause)
    })
}

/// A stack of the user's own answered with something else than it was asked for.
pub(crate) fn strange(what: &str) -> Error {
    Error::new(FailureKind::Permanent, LAYER, "client")
        .with_message(format!("the service behind the client answered with {what}"))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.backend().map_or_else(|| "service".into(), Backend::name);
        f.debug_struct("Redis").field("name", &name).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
