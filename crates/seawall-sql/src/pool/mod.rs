//! The pool: deadpool's slots over sqlx's connections.
//!
//! sqlx's own pool asks every connection whether it lives on each return, three round trips for one query, and up
//! to 0.9.0 hands on a session inside of a transaction whose `begin` was cancelled half-way. Here a session that was
//! left in the middle of anything is closed, never mended, and one that was in use a second ago is not asked.

mod dialer;
mod lease;
mod session;
mod stats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{
    self, Manager, Metrics, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};
use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::PoolConfig;
pub(crate) use dialer::{Dialer, Opener};
pub(crate) use lease::{Fault, Lease, deadline_passed, until};
pub(crate) use session::Session;
pub use stats::{PoolStats, SqlStats};

/// The layer of errors that say that no connection was free.
pub(crate) const LAYER: &str = "sql_pool";

/// A pool of sessions.
#[derive(Clone)]
pub(crate) struct Pool {
    slots: managed::Pool<Slots>,
    shared: Arc<Shared>,
}

/// What all handles of a pool know.
pub(crate) struct Shared {
    pub(crate) name: String,
    config: PoolConfig,
    waiting: AtomicUsize,
    closing: AtomicBool,
    /// Grows whenever a session breaks: those opened before it are asked whether they live before they are used.
    generation: AtomicU64,
    opened: AtomicU64,
    destroyed: AtomicU64,
    timeouts: AtomicU64,
    /// Told whenever a session comes back or is destroyed.
    returned: Notify,
}

/// deadpool's side of the pool.
pub(crate) struct Slots {
    dialer: Dialer,
    shared: Arc<Shared>,
}

impl Manager for Slots {
    type Type = Session;
    type Error = Error;

    async fn create(&self) -> Result<Session, Error> {
        self.dialer.session().await
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Error> {
        if self.shared.revive(session).await {
            Ok(())
        } else {
            self.shared.destroyed.fetch_add(1, Ordering::Relaxed);
            Err(RecycleError::message("it is too old or does not answer"))
        }
    }
}

impl Shared {
    /// Whether an idle session may be handed out again.
    async fn revive(&self, session: &mut Session) -> bool {
        let now = Instant::now();
        if session.is_worn_out(now) {
            return false;
        }
        let generation = self.generation.load(Ordering::Relaxed);
        if session.generation == generation && now - session.used_at < self.config.validate_after_idle {
            return true;
        }
        session.generation = generation;
        let patience = self.config.validate_after_idle.max(Duration::from_millis(100));
        matches!(tokio::time::timeout(patience, session.connection.ping()).await, Ok(Ok(())))
    }
}

impl Pool {
    pub(crate) fn new(name: &str, opener: Opener, size: usize, config: &PoolConfig) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            config: config.clone(),
            waiting: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            destroyed: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            returned: Notify::new(),
        });
        let slots =
            Slots { dialer: Dialer::new(opener, Arc::clone(&shared), size), shared: Arc::clone(&shared) };
        let slots = managed::Pool::builder(slots)
            .max_size(size)
            // The last one in is the warmest, and the others may grow old in peace.
            .queue_mode(QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("a runtime is given, and only its absence is refused");
        Self { slots, shared }
    }

    /// Takes a session, waiting for one if need be.
    ///
    /// Cancel safe: a place in the queue is given up, and a connection being opened goes to the next caller.
    pub(crate) async fn acquire(&self) -> Result<Lease, Error> {
        if self.shared.closing.load(Ordering::Acquire) {
            return Err(self.refusal(FailureKind::Refused, "the client is closed".into()));
        }
        let now = Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None };
        let taken = until(CallContext::current_deadline(), async {
            match self.slots.timeout_get(&now).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => self.queue().await,
                other => other.map_err(|error| self.explain(error)),
            }
        });
        match taken.await {
            Ok(taken) => Ok(Lease::new(taken?, Arc::clone(&self.shared))),
            Err(_elapsed) => {
                self.shared.timeouts.fetch_add(1, Ordering::Relaxed);
                let message = format!("no connection before the deadline: {}", self.numbers());
                Err(self.refusal(FailureKind::Timeout, message))
            }
        }
    }

    async fn queue(&self) -> Result<managed::Object<Slots>, Error> {
        let waiting = self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let _leave = Leave(&self.shared.waiting);
        if waiting >= self.shared.config.max_waiters {
            return Err(self.refusal(
                FailureKind::Refused,
                format!("too many callers wait for a connection: {}", self.numbers()),
            ));
        }
        let patience = Timeouts { wait: Some(self.shared.config.wait_timeout), create: None, recycle: None };
        self.slots.timeout_get(&patience).await.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: PoolError<Error>) -> Error {
        match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(_) => {
                self.shared.timeouts.fetch_add(1, Ordering::Relaxed);
                let wait = self.shared.config.wait_timeout;
                let message = format!("no connection within {wait:?}: {}", self.numbers());
                self.refusal(FailureKind::Overloaded { retry_after: None }, message)
            }
            _ => self.refusal(FailureKind::Refused, "the client is closed".into()),
        }
    }

    fn refusal(&self, kind: FailureKind, message: String) -> Error {
        Error::new(kind, LAYER, self.shared.name.clone()).with_message(message).not_executed()
    }

    fn numbers(&self) -> String {
        let PoolStats { max, size, idle, waiting, .. } = self.stats();
        format!("{size} of {max} connections open, {idle} idle, {waiting} callers waiting")
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let status = self.slots.status();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolStats {
            max: status.max_size,
            size: status.size,
            idle: status.available,
            in_use: status.size.saturating_sub(status.available),
            waiting: self.shared.waiting.load(Ordering::Relaxed),
            opened: count(&self.shared.opened),
            destroyed: count(&self.shared.destroyed),
            timeouts: count(&self.shared.timeouts),
        }
    }

    /// Hands out nothing more, waits until everything is back and closes it. `false` if `deadline` came first.
    pub(crate) async fn close(&self, deadline: Instant) -> bool {
        self.shared.closing.store(true, Ordering::Release);
        let drained = async {
            loop {
                let returned = self.shared.returned.notified();
                for session in self.slots.retain(|_, _| false).removed {
                    // One that cannot say goodbye is gone all the same.
                    let _ = session.connection.close().await;
                }
                if self.slots.status().size == 0 {
                    break;
                }
                returned.await;
            }
        };
        let drained = tokio::time::timeout_at(deadline, drained).await.is_ok();
        self.slots.manager().dialer.forget_spares();
        self.slots.close();
        drained
    }
}

/// Leaves the queue when dropped.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
