//! Opens connections in tasks of their own.
//!
//! A caller who runs out of patience does not take the half-opened connection with him: it goes to the next one who
//! asks, or rests. Otherwise an overload in which everybody waits a little less than a connection takes to open would
//! open and drop connections for ever.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use seawall_core::{Error, FailureKind};
use tokio::time::Instant;

use super::interrupt::Interrupt;
use super::limit::StatementLimit;
#[cfg(feature = "postgres")]
use super::limit::millis;
use super::{Session, Shared};
use crate::endpoint::Options;
use crate::{Connection, Pooler, Role, classify};

/// Which connections to open.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) options: Options,
    /// Whether they only read, where the database knows such connections.
    pub(crate) read_only: bool,
    /// How long the calls of their client may take.
    pub(crate) deadline: Option<std::time::Duration>,
}

impl Opener {
    /// Whether these connections are the only ones that write, and so there is one of them.
    pub(super) fn writes_alone(&self) -> bool {
        match &self.options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite { .. } => !self.read_only,
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            _ => false,
        }
    }

    async fn open(&self, shared: &Shared) -> Result<Session, Error> {
        // Read before the connection is made: what breaks meanwhile may have broken it too.
        let (generation, doubts) = (shared.state().generation(), shared.doubts.load(Ordering::Relaxed));
        let failed = |error| classify::connect_error(&shared.name, error);
        let usual = StatementLimit::usual(self.deadline);
        let patience = shared.config.connect_timeout;
        let (connection, interrupt, takes_writes, is_limited) = match &self.options {
            #[cfg(feature = "sqlite")]
            Options::Sqlite { writer, reader } => {
                let options = reader.as_ref().filter(|_| self.read_only).unwrap_or(writer);
                let (connection, switch) = crate::driver::sqlite::open(options).await.map_err(failed)?;
                (Connection::Sqlite(connection), Interrupt::Sqlite(switch), None, false)
            }
            #[cfg(feature = "postgres")]
            Options::Postgres(options) if shared.config.pooler == Pooler::Transaction => {
                let (connection, takes_writes) =
                    crate::driver::postgres::open_pooled(options).await.map_err(failed)?;
                // What is set for a session stays with a process that others use next.
                (Connection::Postgres(connection), Interrupt::PostgresMissesUs, Some(takes_writes), false)
            }
            #[cfg(feature = "postgres")]
            Options::Postgres(options) => {
                let limit = usual.map(millis);
                let (connection, opened) =
                    crate::driver::postgres::open(options, limit).await.map_err(failed)?;
                let interrupt = match opened.backend {
                    Some(backend) => Interrupt::Postgres { options: options.clone(), backend, patience },
                    None => Interrupt::PostgresMissesUs,
                };
                (Connection::Postgres(connection), interrupt, Some(opened.takes_writes), opened.is_limited)
            }
            #[cfg(feature = "mysql")]
            Options::MySql(options) => {
                let (mut connection, backend) = crate::driver::mysql::open(options).await.map_err(failed)?;
                let is_limited = match usual {
                    Some(usual) if shared.config.pooler == Pooler::None => {
                        StatementLimit::begin(&mut connection, usual).await.map_err(failed)?
                    }
                    _ => false,
                };
                let takes_writes = Some(backend.takes_writes);
                let interrupt = Interrupt::MySql { options: options.clone(), backend, patience };
                (Connection::MySql(connection), interrupt, takes_writes, is_limited)
            }
        };
        let refusal = match (shared.config.role, takes_writes) {
            (Role::Primary, Some(false)) => "the server takes no writes: it is a replica, or was demoted",
            (Role::Replica, Some(true)) => "the server takes writes, and a replica was asked for",
            _ => {
                let limit = usual.filter(|_| is_limited).map(StatementLimit::new);
                let age = (generation, doubts);
                return Ok(Session::new(connection, interrupt, limit, age, &shared.config));
            }
        };
        Err(Error::new(FailureKind::Transient, "sql", shared.name.clone())
            .with_message(refusal)
            .not_executed())
    }
}

/// A connection that is counted as being opened, until it is or cannot be.
pub(super) struct Opening(Option<Arc<Shared>>);

impl Opening {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(Some(shared))
    }

    fn ended(mut self, result: Result<Session, Error>) {
        if let Some(shared) = self.0.take() {
            ended(&shared, result);
        }
    }
}

impl Drop for Opening {
    /// The task was stopped, or panicked.
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let stopped = "the runtime is shutting down";
            ended(&shared, Err(shared.refusal(FailureKind::Cancelled, stopped.into())));
        }
    }
}

pub(super) async fn dial(opening: Opening) {
    let Some(shared) = opening.0.clone() else { return };
    let pause = shared.state().dial_pause(fastrand::f64());
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let (began, patience) = (Instant::now(), shared.config.connect_timeout);
    let result = match tokio::time::timeout(patience, shared.opener.open(&shared)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(Error::new(FailureKind::Timeout, "sql", shared.name.clone())
            .with_message(format!("no connection could be opened within {patience:?}"))
            .not_executed()),
    };
    if result.is_ok() {
        shared.meter.opened(began.elapsed());
    }
    opening.ended(result);
}

fn ended(shared: &Arc<Shared>, result: Result<Session, Error>) {
    let now = Instant::now();
    match result {
        Ok(session) => {
            let placed = shared.state().dialed(Box::new(session), now);
            shared.carry_out(placed);
        }
        Err(error) => {
            let full = matches!(error.kind(), FailureKind::Overloaded { .. });
            let (mut told, dials) = shared.state().dial_failed(full, now);
            let mut message = Err(error);
            // Who is gone need not know; who comes next does.
            while let Some(waiter) = told {
                let Err(back) = waiter.answer.send(message) else { break };
                message = back;
                told = shared.state().next_waiter(now);
            }
            if dials {
                shared.dial();
            }
            shared.returned.notify_waiters();
        }
    }
}
