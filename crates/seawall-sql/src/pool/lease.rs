use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool::managed::Object;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::{Session, Shared, Slots};
use crate::{Connection, classify};

/// A session in somebody's hands. Dropped in the middle of anything, it destroys the session.
pub(crate) struct Lease {
    object: Option<Object<Slots>>,
    shared: Arc<Shared>,
}

/// Why something on a session came to nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The driver says so.
    Driver(sqlx::Error),
    /// The deadline came first.
    Deadline,
}

impl Lease {
    pub(super) fn new(object: Object<Slots>, shared: Arc<Shared>) -> Self {
        Self { object: Some(object), shared }
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        self.object.as_mut().expect("taken out only by drop")
    }

    /// What errors call the database.
    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    /// Does something with the connection, until the current deadline at most.
    pub(crate) async fn run<'c, T, F>(
        &'c mut self,
        operation: impl FnOnce(&'c mut Connection) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let shared = Arc::clone(&self.shared);
        self.attempt(operation).await.map_err(|fault| match fault {
            Fault::Driver(error) => classify::error(&shared.name, error),
            Fault::Deadline => deadline_passed(&shared.name),
        })
    }

    /// Like [`run`](Self::run), for those who have to look at the driver's error.
    ///
    /// The session counts as in flight before the operation is first polled and until it has come to its end:
    /// whoever drops this future in between leaves a session that nobody gets.
    pub(crate) async fn attempt<'c, T, F>(
        &'c mut self,
        operation: impl FnOnce(&'c mut Connection) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let session: &'c mut Session = self.object.as_mut().expect("taken out only by drop");
        let Session { connection, in_flight, broken, used_at, .. } = session;
        *in_flight = true;
        let Ok(result) = until(CallContext::current_deadline(), operation(connection)).await else {
            return Err(Fault::Deadline);
        };
        *in_flight = false;
        *used_at = Instant::now();
        result.map_err(|error| {
            if !classify::judge(&error).session_survives {
                *broken = true;
                // The others may have met the same end: they are asked before they are used.
                self.shared.generation.fetch_add(1, Ordering::Relaxed);
            }
            Fault::Driver(error)
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        if object.is_clean() && !object.is_worn_out(Instant::now()) {
            drop(object);
        } else {
            self.shared.destroyed.fetch_add(1, Ordering::Relaxed);
            Object::take(object).destroy();
        }
        self.shared.returned.notify_waiters();
    }
}

/// The error of a statement that the deadline cut short.
pub(crate) fn deadline_passed(name: &str) -> Error {
    Error::new(FailureKind::Timeout, "sql", name.to_owned())
        .with_message("no answer before the deadline: the statement was cancelled and its connection closed")
}

/// Awaits something until a deadline, if there is one.
pub(crate) async fn until<F: Future>(
    deadline: Option<std::time::Instant>,
    future: F,
) -> Result<F::Output, Elapsed> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(Instant::from_std(deadline), future).await,
        None => Ok(future.await),
    }
}
