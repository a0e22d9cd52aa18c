use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Transaction;
use crate::classify;
use crate::pool::{Fault, until};
use crate::query_cache::Invalidation;

/// The layer of the one error after which nobody knows whether a transaction was committed.
///
/// ```
/// # use seawall_core::Error;
/// fn ask_before_repeating(error: &Error) -> bool {
///     error.layer() == seawall_sql::COMMIT_UNKNOWN
/// }
/// ```
pub const COMMIT_UNKNOWN: &str = "sql_commit";

/// How long a `COMMIT` is still waited for when its caller has left: its connection can be used again then. One that
/// takes longer hangs, and would keep its place in the pool for ever.
const PATIENCE: Duration = Duration::from_secs(5);

impl Transaction {
    /// Makes everything permanent.
    ///
    /// The `COMMIT` runs in a task of its own: dropping this future does not cut it in two, and does not undo it.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if an earlier statement failed, or if the database refuses (a deferred
    /// constraint): everything is undone. If the connection is lost or the deadline passes while the `COMMIT` is
    /// under way, nobody knows whether it happened: that error is of the layer [`COMMIT_UNKNOWN`], of kind
    /// [`FailureKind::Transient`] or [`FailureKind::Timeout`], and
    /// [may have been executed](Error::may_have_executed). Look for the transaction's effects before repeating it, or
    /// give it an [idempotency key](crate::TransactionBuilder::idempotency_key), which does. If the deadline has passed
    /// already, the `COMMIT` is not sent: [`FailureKind::Timeout`], and everything is undone.
    pub async fn commit(mut self) -> Result<(), Error> {
        if let Err(error) = self.usable() {
            // Whatever comes of it, nothing is committed; at best the connection can be used again.
            let _ = self.rollback().await;
            return Err(error);
        }
        let name = self.name().to_owned();
        let deadline = CallContext::current_deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now().into_std()) {
            return Err(too_late(name));
        }
        let ends = Invalidation::new(&self.database.0.query_cache, &self.invalidates);
        let (mut lease, commit) = (self.lease, self.frame.commit);
        let (caller, gone) = oneshot::channel::<()>();
        let commit = tokio::spawn(async move {
            let answer = lease.attempt(|connection| connection.run(Arc::from(commit)));
            let result = tokio::select! {
                result = answer => result,
                () = async {
                    // Nothing is ever sent: this tells that the caller dropped its end.
                    let _ = gone.await;
                    tokio::time::sleep(PATIENCE).await;
                } => Err(Fault::Deadline),
            };
            if result.is_ok() {
                lease.session().left_transaction();
            }
            // Also where nobody knows: it may be committed.
            if let Some(ends) = ends {
                ends.end().await;
            }
            result
        });
        let answer = until(deadline, commit).await;
        drop(caller);
        let unknown = |kind, message: &'static str| {
            Error::new(kind, COMMIT_UNKNOWN, name.clone()).with_message(message)
        };
        match answer {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(Fault::Driver(error)))) => {
                let judged = classify::judge(&error);
                if judged.may_have_executed {
                    let message = "the connection was lost during COMMIT: it is unknown whether the transaction was committed";
                    return Err(unknown(judged.kind, message).with_source(error));
                }
                Err(classify::error(&name, error))
            }
            Ok(_) => Err(unknown(
                FailureKind::Transient,
                "the task of the COMMIT was stopped: it is unknown whether the transaction was committed",
            )),
            Err(_elapsed) => Err(unknown(
                FailureKind::Timeout,
                "no answer to COMMIT before the deadline: it is unknown whether the transaction was committed",
            )),
        }
    }
}

/// The error of a transaction whose deadline passed before its `COMMIT` was sent.
pub(super) fn too_late(name: String) -> Error {
    Error::new(FailureKind::Timeout, "sql", name)
        .with_message("the deadline passed before the transaction could be committed: it was undone")
        .not_executed()
}
