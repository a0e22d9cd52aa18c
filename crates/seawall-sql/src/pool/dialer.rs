//! Opens connections in tasks of their own.
//!
//! A caller who runs out of patience does not take the half-opened connection with him: it goes to the next one who
//! asks. Otherwise an overload in which everybody waits a little less than a connection takes to open would open
//! and drop connections for ever.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use seawall_core::{Error, FailureKind};
use tokio::sync::oneshot;

use super::{Session, Shared};
use crate::endpoint::Options;
use crate::{Connection, classify};

/// Which connections to open.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) options: Options,
    /// Whether they only read, where the database knows such connections.
    pub(crate) read_only: bool,
}

/// Stops what a database does for a connection that nobody listens to any more.
pub(crate) enum Interrupt {
    #[cfg(feature = "sqlite")]
    Sqlite(Arc<std::sync::atomic::AtomicBool>),
    #[cfg(feature = "postgres")]
    Postgres {
        options: Box<sqlx::postgres::PgConnectOptions>,
        backend: crate::driver::postgres::Backend,
        patience: std::time::Duration,
    },
    #[cfg(feature = "mysql")]
    MySql {
        options: Box<sqlx::mysql::MySqlConnectOptions>,
        backend: crate::driver::mysql::Backend,
        patience: std::time::Duration,
    },
}

impl Interrupt {
    /// Which database it is, as `OpenTelemetry` names it.
    pub(super) fn system(&self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => "postgresql",
            #[cfg(feature = "mysql")]
            Self::MySql { backend, .. } if backend.is_mariadb => "mariadb",
            #[cfg(feature = "mysql")]
            Self::MySql { .. } => "mysql",
        }
    }

    pub(super) fn now(self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(switch) => switch.store(true, Ordering::Relaxed),
            #[cfg(feature = "postgres")]
            Self::Postgres { options, backend, patience } => {
                in_background(
                    patience,
                    async move { crate::driver::postgres::cancel(&options, &backend).await },
                );
            }
            #[cfg(feature = "mysql")]
            Self::MySql { options, backend, patience } => {
                in_background(patience, async move { crate::driver::mysql::cancel(&options, backend).await });
            }
        }
    }
}

/// Where there is no runtime any more, the server finds out by itself.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn in_background(
    patience: std::time::Duration,
    cancel: impl std::future::Future<Output = Result<(), sqlx::Error>> + Send + 'static,
) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            // Nobody is left to be told: at worst the statement runs to its end.
            let _ = tokio::time::timeout(patience, cancel).await;
        });
    }
}

impl Opener {
    async fn open(&self, shared: &Shared) -> Result<Session, sqlx::Error> {
        // Read before the connection is made: what breaks meanwhile may have broken it too.
        let generation = shared.generation.load(Ordering::Relaxed);
        let (connection, interrupt) = match &self.options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite { writer, reader } => {
                let options = reader.as_ref().filter(|_| self.read_only).unwrap_or(writer);
                let (connection, switch) = crate::driver::sqlite::open(options).await?;
                (Connection::Sqlite(connection), Interrupt::Sqlite(switch))
            }
            #[cfg(feature = "postgres")]
            Options::Postgres(options) => {
                let (connection, backend) = crate::driver::postgres::open(options).await?;
                let patience = shared.config.connect_timeout;
                (
                    Connection::Postgres(connection),
                    Interrupt::Postgres { options: options.clone(), backend, patience },
                )
            }
            #[cfg(feature = "mysql")]
            Options::MySql(options) => {
                let (connection, backend) = crate::driver::mysql::open(options).await?;
                let patience = shared.config.connect_timeout;
                (
                    Connection::MySql(connection),
                    Interrupt::MySql { options: options.clone(), backend, patience },
                )
            }
        };
        shared.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Session::new(connection, interrupt, generation, shared.config.max_lifetime))
    }
}

/// Opens sessions for those who ask.
pub(crate) struct Dialer {
    opener: Opener,
    shared: Arc<Shared>,
    hall: Arc<Mutex<Hall>>,
    /// How many sessions that nobody took are kept.
    max_spare: usize,
}

/// Who waits for a session, how many are being opened, and those that nobody took.
/// There are never fewer being opened than callers who wait.
#[derive(Default)]
struct Hall {
    waiting: VecDeque<oneshot::Sender<Result<Session, Error>>>,
    opening: usize,
    spare: Vec<Session>,
}

impl Dialer {
    pub(super) fn new(opener: Opener, shared: Arc<Shared>, max_spare: usize) -> Self {
        Self { opener, shared, hall: Arc::default(), max_spare }
    }

    pub(super) async fn session(&self) -> Result<Session, Error> {
        loop {
            let spare = self.hall().spare.pop();
            match spare {
                Some(mut session) => {
                    if self.shared.revive(&mut session).await {
                        return Ok(session);
                    }
                }
                None => break,
            }
        }
        let (sender, receiver) = oneshot::channel();
        {
            let mut hall = self.hall();
            hall.waiting.retain(|waiter| !waiter.is_closed());
            hall.waiting.push_back(sender);
            if hall.opening < hall.waiting.len() {
                hall.opening += 1;
                tokio::spawn(open(
                    self.opener.clone(),
                    Arc::clone(&self.shared),
                    Arc::clone(&self.hall),
                    self.max_spare,
                ));
            }
        }
        receiver.await.unwrap_or_else(|_gone| {
            Err(Error::new(FailureKind::Cancelled, "sql", self.shared.name.clone())
                .with_message("the runtime is shutting down")
                .not_executed())
        })
    }

    pub(super) fn forget_spares(&self) {
        self.hall().spare.clear();
    }

    fn hall(&self) -> std::sync::MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(opener: Opener, shared: Arc<Shared>, hall: Arc<Mutex<Hall>>, max_spare: usize) {
    let patience = shared.config.connect_timeout;
    let mut result = match tokio::time::timeout(patience, opener.open(&shared)).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(classify::connect_error(&shared.name, error)),
        Err(_elapsed) => Err(Error::new(FailureKind::Timeout, "sql", shared.name.clone())
            .with_message(format!("no connection could be opened within {patience:?}"))
            .not_executed()),
    };
    let mut hall = hall.lock().unwrap_or_else(PoisonError::into_inner);
    hall.opening -= 1;
    while let Some(waiter) = hall.waiting.pop_front() {
        match waiter.send(result) {
            Ok(()) => return,
            Err(back) => result = back,
        }
    }
    if let Ok(session) = result
        && hall.spare.len() < max_spare
        && !shared.closing.load(Ordering::Acquire)
    {
        hall.spare.push(session);
    }
}
