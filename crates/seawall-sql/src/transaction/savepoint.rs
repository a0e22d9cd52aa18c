use std::sync::Arc;

use seawall_core::Error;

use super::Transaction;
use super::open::{LOST, UNDONE};

impl Transaction {
    /// Does something that can be undone without undoing the whole transaction: kept when the work returns `Ok`, undone
    /// when it returns an error.
    ///
    /// It is never run again by itself: after a serialization failure or a deadlock, only a transaction that sees what
    /// the others did can do better, so hand the error on, and [`TransactionBuilder::run`](crate::TransactionBuilder::run)
    /// runs all of it again. Savepoints may be nested.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
    /// # use std::sync::Arc;
    /// # use seawall_core::Error;
    /// # use seawall_sql::{Sql, SqlConfig, is_unique_violation};
    /// # let sql = Sql::connect("sqlite::memory:", &SqlConfig::default(), Arc::new(())).await?;
    /// # sql.execute("create table visitor (name text primary key)").await?;
    /// # sql.execute("create table visit (name text)").await?;
    /// sql.transaction(async |tx| {
    ///     let known = tx
    ///         .savepoint(async |tx| tx.execute("insert into visitor values (:name)").bind("name", "Ann").await)
    ///         .await;
    ///     match known {
    ///         Err(error) if !is_unique_violation(&error) => return Err(error),
    ///         _ => {}
    ///     }
    ///     tx.execute("insert into visit values (:name)").bind("name", "Ann").await
    /// })
    /// .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// Dropped half-way, it leaves a transaction that can only be rolled back.
    ///
    /// # Errors
    /// What the work returned; or the client's own, where the database could not be told.
    pub async fn savepoint<T, E>(&mut self, work: impl AsyncFnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        self.usable()?;
        let depth = self.savepoints + 1;
        self.tell(&format!("SAVEPOINT seawall_{depth}")).await?;
        self.savepoints = depth;
        let mut inside = Inside { transaction: self, ended: false };
        let result = work(inside.transaction).await;
        let transaction = &mut *inside.transaction;
        let result = match (result, transaction.usable()) {
            (Ok(value), Ok(())) => {
                let released = transaction.tell(&format!("RELEASE SAVEPOINT seawall_{depth}")).await;
                released.map(|()| value).map_err(E::from)
            }
            (Ok(_), Err(error)) => {
                transaction.go_back(depth).await;
                Err(E::from(error))
            }
            (Err(error), _) => {
                transaction.go_back(depth).await;
                Err(error)
            }
        };
        transaction.savepoints = depth - 1;
        inside.ended = true;
        result
    }

    /// Undoes what was done since a savepoint, and with that whatever spoiled the transaction since; what it cannot
    /// undo stays spoiled.
    async fn go_back(&mut self, depth: u32) {
        if matches!(self.spoiled, Some(LOST | UNDONE)) || !self.lease.session().is_usable() {
            return;
        }
        let text = format!("ROLLBACK TO SAVEPOINT seawall_{depth}; RELEASE SAVEPOINT seawall_{depth}");
        // It says itself that the transaction is spoiled if that fails.
        if self.tell(&text).await.is_ok() {
            self.spoiled = None;
            self.went_back();
        }
    }

    /// A statement about the transaction itself: one that fails spoils it.
    async fn tell(&mut self, text: &str) -> Result<(), Error> {
        let told = self.lease.run(|connection| connection.run(Arc::from(text))).await;
        told.inspect_err(|error| {
            self.note(error);
            self.spoiled = self.spoiled.or(Some("a savepoint could not be set or left"));
        })
    }
}

/// Work inside of a savepoint. Dropped before its end, it spoils the transaction, which would otherwise commit half of
/// it.
struct Inside<'t> {
    transaction: &'t mut Transaction,
    ended: bool,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let spoiled = &mut self.transaction.spoiled;
            *spoiled = spoiled.or(Some("a savepoint was left half-way"));
        }
    }
}
