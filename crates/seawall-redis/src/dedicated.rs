//! Connections that one caller has for himself: for commands that block, and for sessions.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, PoolError, QueueMode, Runtime, TimeoutType};
use redis::aio::MultiplexedConnection;
use seawall_core::{Error, FailureKind};
use serde::Serialize;

use crate::classify;
use crate::dial::Dialer;
use crate::{DedicatedConfig, RedisConfig};

/// Who failed, in errors, when no connection came free.
pub(crate) const LAYER: &str = "redis_pool";

/// A pool of connections. After a failover it is another one.
pub(crate) struct Dedicated {
    name: Arc<str>,
    config: DedicatedConfig,
    connect_timeout: Duration,
    pool: RwLock<Pool>,
}

/// How the connections stand that are used by one caller at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DedicatedStats {
    /// How many there may be.
    pub max: usize,
    /// How many there are.
    pub open: usize,
    /// How many are in use.
    pub in_use: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

impl Dedicated {
    pub(crate) fn new(dialer: &Dialer, config: &RedisConfig) -> Result<Self, Error> {
        let pool = build(dialer, config)?;
        Ok(Self {
            name: dialer.name(),
            config: config.dedicated.clone(),
            connect_timeout: config.connect_timeout,
            pool: RwLock::new(pool),
        })
    }

    /// A connection that answered a moment ago.
    pub(crate) async fn acquire(&self) -> Result<Lent, Error> {
        let pool = self.pool();
        if pool.status().available == 0 && pool.status().waiting >= self.config.max_waiters {
            return Err(self.none_free("as many callers wait for a dedicated connection as may"));
        }
        match pool.get().await {
            Ok(connection) => Ok(Lent { connection: Some(connection), clean: true }),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                Err(self.none_free("no dedicated connection came free in time; raise dedicated.size"))
            }
            Err(PoolError::Timeout(_)) => {
                let message = format!("no connection to the server within {:?}", self.connect_timeout);
                Err(Error::new(FailureKind::Timeout, classify::LAYER, &self.name)
                    .not_executed()
                    .with_message(message))
            }
            Err(PoolError::Backend(cause)) => Err(classify::connect_error(&self.name, cause)),
            Err(other) => {
                let refused = Error::new(FailureKind::Refused, classify::LAYER, &self.name);
                Err(refused.not_executed().with_message(other.to_string()))
            }
        }
    }

    /// Uses no connection again that was made before now.
    pub(crate) fn renew(&self) {
        self.pool().retain(|_, _| false);
    }

    pub(crate) fn stats(&self) -> DedicatedStats {
        let status = self.pool().status();
        let idle = status.available.min(status.size);
        DedicatedStats {
            max: status.max_size,
            open: status.size,
            in_use: status.size - idle,
            waiting: status.waiting,
        }
    }

    pub(crate) fn close(&self) {
        self.pool().close();
    }

    fn pool(&self) -> Pool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn none_free(&self, why: &'static str) -> Error {
        let overloaded = FailureKind::Overloaded { retry_after: None };
        Error::new(overloaded, LAYER, &self.name).not_executed().with_message(why)
    }
}

fn build(dialer: &Dialer, config: &RedisConfig) -> Result<Pool, Error> {
    let (info, settings) = dialer.recipe();
    let manager = Manager::new_with_config(info, settings)
        .map_err(|cause| classify::connect_error(dialer.name(), cause))?;
    let pool = Pool::builder(manager)
        .max_size(config.dedicated.size.get())
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(config.dedicated.wait_timeout))
        .create_timeout(Some(config.connect_timeout))
        .recycle_timeout(Some(config.connect_timeout))
        .runtime(Runtime::Tokio1)
        .build();
    pool.map_err(|error| {
        let refused = Error::new(FailureKind::Permanent, classify::LAYER, dialer.name());
        refused.not_executed().with_message(error.to_string())
    })
}

/// A connection in the hands of one caller. It goes back to the pool only if nothing is under way on it, and nothing
/// was left behind.
pub(crate) struct Lent {
    connection: Option<Connection>,
    /// Whether the next who gets it would find it as a new one.
    pub(crate) clean: bool,
}

impl Lent {
    /// Asks something over the connection. It does not go back before the answer is there.
    pub(crate) async fn run<T>(&mut self, ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> T) -> T {
        let clean = std::mem::replace(&mut self.clean, false);
        let connection = self.connection.as_mut().expect("a connection is taken out only when it is dropped");
        let answer = ask(connection).await;
        self.clean = clean;
        answer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.clean) {
            // Closed, whatever the server is doing for it.
            drop(Connection::take(connection));
        }
    }
}
