use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use tracing::Span;

use super::{Session, Shared};
use crate::driver::Known;
use crate::{Connection, classify};

/// A session in somebody's hands. Dropped in the middle of anything, it destroys the session.
pub(crate) struct Lease {
    session: Option<Box<Session>>,
    /// Which loan of the pool it is.
    loan: usize,
    since: Instant,
    /// Whoever has it is dropped at the deadline by somebody else.
    is_timed: bool,
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

impl Fault {
    /// What callers are told of it.
    pub(crate) fn into_error(self, name: &str) -> Error {
        match self {
            Self::Driver(error) => classify::error(name, error),
            Self::Deadline => deadline_passed(name),
        }
    }
}

impl Lease {
    pub(super) fn new(session: Box<Session>, loan: usize, since: Instant, shared: Arc<Shared>) -> Self {
        Self { session: Some(session), loan, since, is_timed: false, shared }
    }

    /// Takes it apart without giving it back.
    pub(super) fn into_parts(mut self) -> (Box<Session>, usize) {
        (self.session.take().expect("taken out only here and by drop"), self.loan)
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("taken out only by who consumes it")
    }

    /// When it was lent.
    pub(super) fn since(&self) -> Instant {
        self.since
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
        self.run_knowing(|connection, _known| operation(connection)).await
    }

    /// Like [`run`](Self::run), with what is known of the session's statements.
    pub(crate) async fn run_knowing<'c, T, F>(
        &'c mut self,
        operation: impl FnOnce(&'c mut Connection, &'c mut Known) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let (session, watch) = self.parts();
        let result = attempt(session, watch, operation).await;
        result.map_err(|fault| fault.into_error(&watch.shared.name))
    }

    /// Like [`attempt`](Self::attempt) with what is known of the session's statements, until a deadline of the caller's
    /// own, within its span; also says when it ended.
    pub(crate) async fn attempt_until<'c, T, F>(
        &'c mut self,
        deadline: Option<std::time::Instant>,
        within: Option<&Span>,
        operation: impl FnOnce(&'c mut Connection, &'c mut Known) -> F,
    ) -> (Result<T, Fault>, Instant)
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let session = self.session.as_mut().expect("taken out only by who consumes it");
        let Session { connection, known, in_flight, broken, used_at, timer, .. } = &mut **session;
        *in_flight = true;
        let result = {
            let operation = pin!(operation(connection, known));
            let mut operation = timer.limit(deadline, operation);
            poll_fn(|cx| {
                let _within = within.map(Span::enter);
                operation.poll_unpin(cx)
            })
            .await
        };
        let now = Instant::now();
        let Some(result) = result else { return (Err(Fault::Deadline), now) };
        (*in_flight, *used_at) = (false, now);
        (result.map_err(|error| judged(&self.shared, broken, error)), now)
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
        let (session, watch) = self.parts();
        attempt(session, watch, |connection, _known| operation(connection)).await
    }

    /// Says that whoever holds it keeps the deadline: it is dropped then, and needs no timer of its own for that.
    pub(crate) fn leave_deadline_to_its_holder(&mut self) {
        self.is_timed = true;
    }

    fn parts(&mut self) -> (&mut Session, Watch<'_>) {
        let session = self.session.as_mut().expect("taken out only by who consumes it");
        (session, Watch { shared: &self.shared, is_timed: self.is_timed })
    }

    /// Whether it still lives.
    pub(super) async fn ping(&mut self) -> bool {
        let session = self.session();
        // Not in flight: there would be nothing to stop.
        session.broken = true;
        session.broken = session.connection.ping().await.is_err();
        session.used_at = Instant::now();
        !session.broken
    }
}

/// Who hears of what happens to a session, and who keeps the deadline.
#[derive(Clone, Copy)]
struct Watch<'c> {
    shared: &'c Arc<Shared>,
    is_timed: bool,
}

async fn attempt<'c, T, F>(
    session: &'c mut Session,
    watch: Watch<'c>,
    operation: impl FnOnce(&'c mut Connection, &'c mut Known) -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let Session { connection, known, in_flight, broken, used_at, .. } = session;
    *in_flight = true;
    let operation = operation(connection, known);
    let result = if watch.is_timed {
        operation.await
    } else {
        until(CallContext::current_deadline(), operation).await.map_err(|_elapsed| Fault::Deadline)?
    };
    *in_flight = false;
    *used_at = Instant::now();
    result.map_err(|error| judged(watch.shared, broken, error))
}

/// What an error says of the session it came from, and of the others.
#[cold]
fn judged(shared: &Arc<Shared>, broken: &mut bool, error: sqlx::Error) -> Fault {
    let judged = classify::judge(&error);
    if !judged.session_survives {
        *broken = true;
        if judged.server_changed {
            shared.retire();
        } else {
            shared.doubt();
        }
    }
    Fault::Driver(error)
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.shared.take_back(session, self.loan, self.since);
        }
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
