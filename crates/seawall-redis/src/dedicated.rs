//! Connections that one caller has for himself: for commands that block, and for sessions.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, PoolError, QueueMode, Runtime, TimeoutType};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionInfo};
use seawall_core::{Error, FailureKind};
use serde::Serialize;

use crate::classify;
use crate::dial::Dialer;
use crate::{DedicatedConfig, RedisConfig};

/// Who failed, in errors, when no connection came free.
pub(crate) const LAYER: &str = "redis_pool";

/// A pool of connections. When the server is elsewhere it is another one.
pub(crate) struct Dedicated {
    dialer: Arc<Dialer>,
    config: DedicatedConfig,
    connect_timeout: Duration,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// `None` until somebody asks for a connection.
    pool: Option<Pool>,
    /// The pool's connections go to where the server was after so many moves.
    moves: u64,
    closed: bool,
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
    pub(crate) fn new(dialer: Arc<Dialer>, config: &RedisConfig) -> Self {
        Self {
            dialer,
            config: config.dedicated.clone(),
            connect_timeout: config.connect_timeout,
            state: RwLock::default(),
        }
    }

    /// A connection that answered a moment ago.
    pub(crate) async fn acquire(&self) -> Result<Lent, Error> {
        let pool = match self.pool() {
            Some(pool) => pool,
            None => self.another_pool().await?,
        };
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
                Err(Error::new(FailureKind::Timeout, classify::LAYER, self.dialer.name())
                    .not_executed()
                    .with_message(message))
            }
            Err(PoolError::Backend(cause)) => Err(classify::connect_error(self.dialer.name(), cause)),
            Err(other) => {
                let refused = Error::new(FailureKind::Refused, classify::LAYER, self.dialer.name());
                Err(refused.not_executed().with_message(other.to_string()))
            }
        }
    }

    /// Uses no connection again that was made before now.
    pub(crate) fn renew(&self) {
        if let Some(pool) = &self.state().pool {
            pool.retain(|_, _| false);
        }
    }

    pub(crate) fn stats(&self) -> DedicatedStats {
        let Some(status) = self.state().pool.as_ref().map(Pool::status) else {
            return DedicatedStats { max: self.config.size.get(), ..DedicatedStats::default() };
        };
        let idle = status.available.min(status.size);
        DedicatedStats {
            max: status.max_size,
            open: status.size,
            in_use: status.size - idle,
            waiting: status.waiting,
        }
    }

    /// Lends nothing any more.
    pub(crate) fn close(&self) {
        let mut state = self.state_mut();
        state.closed = true;
        if let Some(pool) = &state.pool {
            pool.close();
        }
    }

    /// The pool of where the server is, if there is one.
    fn pool(&self) -> Option<Pool> {
        let state = self.state();
        let is_right = state.closed || state.moves == self.dialer.moves();
        state.pool.as_ref().filter(|_| is_right).cloned()
    }

    /// The same, made by whoever comes first.
    #[cold]
    async fn another_pool(&self) -> Result<Pool, Error> {
        let (info, settings, moves) = self.dialer.recipe().await?;
        let mut state = self.state_mut();
        if let Some(pool) = state.pool.as_ref().filter(|_| state.closed || moves <= state.moves) {
            return Ok(pool.clone());
        }
        let pool = self.build(info, settings)?;
        if state.closed {
            pool.close();
        }
        // Those of the pool before are closed as they come back.
        if let Some(before) = state.pool.replace(pool.clone()) {
            before.retain(|_, _| false);
        }
        state.moves = moves;
        Ok(pool)
    }

    fn build(&self, info: ConnectionInfo, settings: AsyncConnectionConfig) -> Result<Pool, Error> {
        let manager = Manager::new_with_config(info, settings)
            .map_err(|cause| classify::connect_error(self.dialer.name(), cause))?;
        let pool = Pool::builder(manager)
            .max_size(self.config.size.get())
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(self.config.wait_timeout))
            .create_timeout(Some(self.connect_timeout))
            .recycle_timeout(Some(self.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build();
        pool.map_err(|error| {
            let refused = Error::new(FailureKind::Permanent, classify::LAYER, self.dialer.name());
            refused.not_executed().with_message(error.to_string())
        })
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn none_free(&self, why: &'static str) -> Error {
        let overloaded = FailureKind::Overloaded { retry_after: None };
        Error::new(overloaded, LAYER, self.dialer.name()).not_executed().with_message(why)
    }
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
