use seawall_core::{CallContext, Error};
use tokio::time::Instant;

use super::commit::too_late;
use super::repeats::Repeats;
use super::undone::undoes_transaction;
use super::{COMMIT_UNKNOWN, Transaction, TransactionBuilder, idempotency};
use crate::pool::until;

impl TransactionBuilder<'_> {
    /// Runs the work in a transaction: commits when it returns `Ok`, rolls back when it returns an error, panics or is
    /// dropped.
    ///
    /// When the database undid the transaction because somebody else was in the way (a serialization failure, a
    /// deadlock, a lock that SQLite waited for in vain), or the connection was lost before the `COMMIT` was sent, all
    /// of it is run again, on a new snapshot: at most [`retries`](Self::retries) times, after waits of 5 ms doubling to
    /// 250 ms with full jitter, while the deadline allows it, and paid from the client's retry budget. It does not matter
    /// what error the work makes of that: the transaction remembers. So the work must bear being run several times; what
    /// it does beyond the database stays done. Within an attempt of another Seawall retry nothing is run again, so that
    /// attempts do not multiply.
    ///
    /// Each run is that of a clone of the closure, so what it holds must be `Clone`: references and shared values are. A
    /// `&mut` is not, and that is on purpose: a run that was undone would leave its marks behind it; return what the
    /// work makes instead. (It is also what lets the compiler see that the whole can be spawned: of an `AsyncFnMut`,
    /// whose futures borrow from it, it cannot.)
    ///
    /// # Errors
    /// What the work returned; the client's own where the transaction could not be begun or committed. A commit whose
    /// answer was lost is never repeated blindly: the error is of the layer [`COMMIT_UNKNOWN`] and
    /// [may have been executed](Error::may_have_executed). With an [`idempotency_key`](Self::idempotency_key) it is
    /// looked up over another connection: if it happened, that is the answer, and if not, the work is run again.
    ///
    /// # Cancel safety
    /// Dropped before the commit, the transaction is undone. Dropped during the commit, it may be committed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// # use std::{sync::Arc, time::Duration};
    /// # use seawall_core::Error;
    /// # use seawall_sql::{Sql, SqlConfig};
    /// # let sql = Sql::connect("sqlite::memory:", &SqlConfig::default(), Arc::new(())).await?;
    /// # sql.execute("create table account (id integer primary key, balance integer)").await?;
    /// # sql.execute("insert into account values (1, 100), (2, 0)").await?;
    /// let moved = sql
    ///     .build_transaction()
    ///     .serializable()
    ///     .retries(5)
    ///     .timeout(Duration::from_secs(2))
    ///     .run(async |tx| {
    ///         let (balance,): (i64,) = tx.query("select balance from account where id = 1").fetch_one().await?;
    ///         tx.execute("update account set balance = 0 where id = 1").await?;
    ///         tx.execute("update account set balance = balance + :all where id = 2").bind("all", balance).await?;
    ///         Ok::<_, Error>(balance)
    ///     })
    ///     .await?;
    /// assert_eq!(moved, 100);
    /// # Ok(()) }
    /// ```
    pub async fn run<T, E, F>(self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        match self.deadline() {
            Some(deadline) => CallContext::scope_deadline(deadline, || self.repeat(work)).await,
            None => self.repeat(work).await,
        }
    }

    fn deadline(&self) -> Option<std::time::Instant> {
        let of_pipeline = || {
            let pipeline = self.sql.pipeline().filter(|_| !CallContext::is_unhurried())?;
            pipeline.config().deadline
        };
        let time = self.timeout.or_else(of_pipeline)?;
        Instant::now().into_std().checked_add(time)
    }

    async fn repeat<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T, E> + Clone,
        E: From<Error>,
    {
        let mut repeats = Repeats::new(self);
        // A commit whose answer was lost, with what the work had returned.
        let mut lost: Option<(T, Error)> = None;
        loop {
            let entered = match self.enter().await {
                Ok(entered) => entered,
                Err(failed) if lost.is_some() && repeats.may_look_again(&failed.error).await => continue,
                Err(failed) => match lost {
                    Some((_, unknown)) => return Err(unknown.into()),
                    None if failed.undone && repeats.again(failed.error.kind()).await => continue,
                    None => return Err(failed.error.into()),
                },
            };
            let (mut transaction, lost_before) = match (entered, lost.take()) {
                (Some(transaction), lost) => (transaction, lost),
                (None, Some((value, _))) => {
                    repeats.succeeded();
                    return Ok(value);
                }
                (None, None) => return Err(idempotency::already_committed(self.sql).into()),
            };
            // Its key is free and taken by this one now: what was lost was undone.
            if let Some((_, unknown)) = lost_before
                && !repeats.again(unknown.kind()).await
            {
                return Err(idempotency::undone_after_all(unknown).into());
            }
            let deadline = CallContext::current_deadline();
            let Ok(result) = until(deadline, work.clone()(&mut transaction)).await else {
                return Err(too_late(transaction.name().to_owned()).into());
            };
            let undone = transaction.undone;
            let (error, undone) = match result {
                Err(error) => {
                    // It is undone all the same if that fails.
                    let _ = transaction.rollback().await;
                    (error, undone)
                }
                Ok(value) => match transaction.commit().await {
                    Ok(()) => {
                        repeats.succeeded();
                        return Ok(value);
                    }
                    Err(error) if error.layer() == COMMIT_UNKNOWN => {
                        if self.idempotency_key.is_none() {
                            return Err(error.into());
                        }
                        lost = Some((value, error));
                        continue;
                    }
                    Err(error) => {
                        let undone = undone.or_else(|| undoes_transaction(&error).then_some(error.kind()));
                        (error.into(), undone)
                    }
                },
            };
            match undone {
                Some(kind) if repeats.again(kind).await => {}
                _ => return Err(error),
            }
        }
    }

    /// Begins the transaction and takes its key; `None` if somebody has it.
    async fn enter(&self) -> Result<Option<Transaction>, NotEntered> {
        let failed = |error| NotEntered { error, undone: false };
        if let Some(key) = &self.idempotency_key {
            idempotency::prepare(self.sql, key).await.map_err(failed)?;
        }
        let mut transaction = self.begin().await.map_err(failed)?;
        let Some(key) = &self.idempotency_key else { return Ok(Some(transaction)) };
        let taken = idempotency::take(&mut transaction, key).await;
        if let Ok(true) = taken {
            return Ok(Some(transaction));
        }
        let undone = transaction.undone.is_some();
        // It is undone all the same if that fails.
        let _ = transaction.rollback().await;
        taken.map(|_| None).map_err(|error| NotEntered { error, undone })
    }
}

/// A transaction that did not come to its work.
struct NotEntered {
    error: Error,
    /// Whether it was undone because somebody else was in the way.
    undone: bool,
}
