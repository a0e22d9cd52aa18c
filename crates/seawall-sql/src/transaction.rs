use std::fmt;
use std::sync::Arc;

use seawall_core::{CallContext, Error, FailureKind};

use crate::bulk::{self, Loaded};
use crate::database::{Database, run};
use crate::named::{Dialect, ROLLBACK_TO};
use crate::pool::{Lease, until};
use crate::{Execute, Query, Reply, RowBatch, Statement, TableSchema, classify, schema};

/// The layer of the one error after which nobody knows whether a transaction was committed.
///
/// ```
/// # use seawall_core::Error;
/// fn ask_before_repeating(error: &Error) -> bool {
///     error.layer() == seawall_sql::COMMIT_UNKNOWN
/// }
/// ```
pub const COMMIT_UNKNOWN: &str = "sql_commit";

/// Why a transaction of Postgres takes nothing but a return to a savepoint.
const FAILED_STATEMENT: &str = "an earlier statement failed";

/// Why a transaction takes nothing at all any more.
const UNDONE: &str = "an earlier statement failed and undid the whole transaction";

/// A transaction that may write: made by [`Sql::begin`](crate::Sql::begin).
///
/// Dropped, cancelled or timed out anywhere before the end of [`commit`](Self::commit), it is undone, and its
/// connection is closed rather than mended.
pub struct Transaction {
    lease: Lease,
    database: Database,
    /// Why nothing more may be done but undo it.
    spoiled: Option<&'static str>,
}

impl Transaction {
    pub(crate) async fn begin(mut lease: Lease, database: Database) -> Result<Self, Error> {
        let begin = match database.0.texts.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres | Dialect::MySql => "BEGIN",
        };
        // Before it is sent: a `BEGIN` that is cancelled half-way must not be handed on.
        lease.session().in_transaction = true;
        lease.run(|connection| connection.run(Arc::from(begin))).await.map_err(Error::not_executed)?;
        Ok(Self { lease, database, spoiled: None })
    }

    /// A statement with `:name` parameters whose rows are wanted.
    pub fn query<'a>(&'a mut self, text: &'a str) -> Query<'a> {
        Query::on_transaction(self, text)
    }

    /// A statement with `:name` parameters that is executed when awaited.
    pub fn execute<'a>(&'a mut self, text: &'a str) -> Execute<'a> {
        Execute(self.query(text))
    }

    /// Creates a table within this transaction, to be filled by it.
    ///
    /// # Errors
    /// As [`Sql::create_table`](crate::Sql::create_table). Also [`FailureKind::Permanent`] on MySQL and MariaDB, which
    /// would commit what was done so far.
    pub async fn create_table(&mut self, table: &TableSchema) -> Result<(), Error> {
        self.usable()?;
        if self.database.0.texts.dialect() == Dialect::MySql {
            return Err(self.database.0.wrong(commits("create")));
        }
        let created = schema::create(&mut self.lease, table).await;
        if created.is_err() {
            self.spoiled = Some("a table could not be created");
        }
        created
    }

    /// Loads a batch of rows by the fastest way that the database has, within this transaction.
    ///
    /// A row that the database refuses (a constraint, a type, a value too long) is left out and reported; all
    /// others are loaded. Looking for such rows takes a few statements for each.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if the batch does not fit the table; the kind of the failure for everything that
    /// is not about a row (no such table, disk full, connection lost). The transaction cannot be committed then.
    pub async fn bulk_insert(&mut self, table: &TableSchema, batch: &RowBatch) -> Result<Loaded, Error> {
        self.usable()?;
        let loaded = bulk::load(&mut self.lease, table, batch).await;
        if loaded.is_err() {
            self.spoiled = Some("a bulk insert failed");
        }
        loaded
    }

    /// Makes everything permanent.
    ///
    /// The `COMMIT` runs in a task of its own: dropping this future does not cut it in two, and does not undo it.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if an earlier statement failed, or if the database refuses (a deferred
    /// constraint): everything is undone. If the connection is lost or the deadline passes while the `COMMIT` is
    /// under way, nobody knows whether it happened: that error is of the layer [`COMMIT_UNKNOWN`], of kind
    /// [`FailureKind::Transient`] or [`FailureKind::Timeout`], and
    /// [may have been executed](Error::may_have_executed). Look for the transaction's effects before repeating it.
    pub async fn commit(mut self) -> Result<(), Error> {
        if let Err(error) = self.usable() {
            if self.lease.session().is_usable() {
                // Whatever comes of it, nothing is committed; at best the connection can be used again.
                let _ = self.rollback().await;
            }
            return Err(error);
        }
        let name = self.lease.name().to_owned();
        let mut lease = self.lease;
        let commit = tokio::spawn(async move {
            let result = lease.attempt(|connection| connection.run(Arc::from("COMMIT"))).await;
            lease.session().in_transaction = result.is_err();
            result
        });
        let unknown = |kind, message: &'static str| {
            Error::new(kind, COMMIT_UNKNOWN, name.clone()).with_message(message)
        };
        match until(CallContext::current_deadline(), commit).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(crate::pool::Fault::Driver(error)))) => {
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

    /// Undoes everything.
    ///
    /// # Errors
    /// If the database could not be told. It is undone all the same, as the connection is closed.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.lease.run(|connection| connection.run(Arc::from("ROLLBACK"))).await?;
        self.lease.session().in_transaction = false;
        Ok(())
    }

    pub(crate) async fn call(&mut self, statement: &Statement) -> Result<Reply, Error> {
        let inner = Arc::clone(&self.database.0);
        let compiled = inner.compile(statement)?;
        let mends = match compiled.transaction_control {
            None | Some("savepoint" | "release") => false,
            Some(ROLLBACK_TO) => true,
            Some(word) => {
                return Err(
                    inner.wrong(format!("`{word}` inside of a transaction: use `commit()` or `rollback()`"))
                );
            }
        };
        if let Some(word) = compiled.commits {
            return Err(inner.wrong(commits(word)));
        }
        if !(mends && self.spoiled == Some(FAILED_STATEMENT)) {
            self.usable()?;
        }
        if statement.action == crate::Action::Stream {
            return Err(inner
                .wrong("a transaction does not stream: fetch its rows, or stream from the client".into()));
        }
        let result = run(&mut self.lease, &compiled, statement).await;
        match &result {
            Ok(_) => self.spoiled = None,
            Err(error) => self.spoiled = self.spoiled.or(self.aftermath(error).await),
        }
        result
    }

    /// What a failed statement leaves of the transaction.
    async fn aftermath(&mut self, error: &Error) -> Option<&'static str> {
        if !self.lease.session().is_usable() {
            return Some("the connection was lost");
        }
        // Where the database was not asked, nothing happened to the transaction.
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
        if !matches!(source, Some(sqlx::Error::Database(_))) {
            return None;
        }
        match self.database.0.texts.dialect() {
            Dialect::Postgres => Some(FAILED_STATEMENT),
            Dialect::MySql => source.is_some_and(classify::mysql_undid_all).then_some(UNDONE),
            // SQLite undoes only the statement, unless the table or the error demands more; then it is in no
            // transaction any more and would commit what follows piece by piece. A second BEGIN tells.
            Dialect::Sqlite => {
                let begun = self.lease.attempt(|connection| connection.run(Arc::from("BEGIN"))).await;
                begun.is_ok().then_some(UNDONE)
            }
        }
    }

    fn usable(&self) -> Result<(), Error> {
        match self.spoiled {
            None => Ok(()),
            Some(why) => {
                Err(self.database.0.wrong(format!("{why}: the transaction can only be rolled back")))
            }
        }
    }
}

fn commits(word: &str) -> String {
    format!("`{word}` would commit the transaction before its end: do it outside of one")
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("name", &self.lease.name()).finish_non_exhaustive()
    }
}
