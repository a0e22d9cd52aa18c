use std::fmt;
use std::sync::Arc;

use seawall_cache::Tags;
use seawall_core::{Error, FailureKind};
use tokio::time::Instant;

use super::TransactionMode;
use super::begin::Frame;
use super::undone::undoes_transaction;
use crate::bulk::{self, Change, Loaded, Refusals, Target};
use crate::database::{Database, run};
use crate::named::{CompiledCache, Dialect, ROLLBACK_TO};
use crate::pool::{Lease, Session, limit_text};
use crate::{Execute, Query, Reply, RowBatch, Statement, TableSchema, classify, schema};

/// Why a transaction of Postgres takes nothing but a return to a savepoint.
const FAILED_STATEMENT: &str = "an earlier statement failed";
pub(super) const LOST: &str = "the connection was lost";
pub(super) const UNDONE: &str = "an earlier statement failed and undid the whole transaction";

/// A transaction: made by [`Sql::begin`](crate::Sql::begin), or lent to the work of
/// [`Sql::transaction`](crate::Sql::transaction).
///
/// Dropped, cancelled or timed out anywhere before the end of [`commit`](Self::commit), it is undone, and its
/// connection is closed rather than mended. One of whose statements was cancelled half-way can only be rolled back.
pub struct Transaction {
    pub(super) lease: Lease,
    pub(super) frame: Frame,
    pub(super) database: Database,
    /// Why nothing more may be done but undo it.
    pub(super) spoiled: Option<&'static str>,
    /// It came to nothing through no fault of its own: how.
    pub(super) undone: Option<FailureKind>,
    /// How many savepoints of ours it is inside of.
    pub(super) savepoints: u32,
    /// What it ends in the cache of queries when it is committed.
    pub(super) invalidates: Vec<Tags>,
}

impl Transaction {
    pub(crate) async fn begin(
        mut lease: Lease,
        database: Database,
        mode: TransactionMode,
    ) -> Result<Self, Error> {
        let borrowed_writer = database.0.readers.is_none();
        let frame = Frame::of(database.0.texts.dialect(), mode, borrowed_writer);
        let session = lease.session();
        let now = Instant::now().into_std();
        let limit = session.limit.as_ref().and_then(|limit| limit.of_transaction(mode.until, now));
        // In the same message: it costs no round trip.
        let begin = match limit {
            Some(limit) => format!("{}; {}", frame.begin, limit_text(session.system(), limit, true)),
            None => frame.begin.clone(),
        };
        // Before it is sent: a `BEGIN` that is cancelled half-way must not be handed on.
        session.in_transaction = true;
        lease.run(|connection| connection.run(begin.into())).await.map_err(Error::not_executed)?;
        let Session { connection, limit: of_session, .. } = lease.session();
        if let Some(of_session) = of_session {
            of_session.begun(connection, limit);
        }
        Ok(Self {
            lease,
            frame,
            database,
            spoiled: None,
            undone: None,
            savepoints: 0,
            invalidates: Vec::new(),
        })
    }

    /// A statement with `:name` parameters whose rows are wanted.
    #[track_caller]
    pub fn query<'a>(&'a mut self, text: &'a str) -> Query<'a> {
        Query::on_transaction(self, text)
    }

    /// A statement with `:name` parameters that is executed when awaited.
    #[track_caller]
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
        created.inspect_err(|error| {
            self.note(error);
            self.spoiled = Some("a table could not be created");
        })
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
        let target = Target::new(table, Change::Insert, self.dialect());
        let target = target.map_err(|message| self.database.0.wrong(message))?;
        self.load(&target, batch, Refusals::LeftOut).await
    }

    /// As [`bulk_insert`](Self::bulk_insert), but a row whose key is in the table already updates it: `key` are the columns
    /// of a unique index. Of several rows with one key the last counts. MySQL takes any unique index for the key.
    ///
    /// # Errors
    /// As `bulk_insert`; also [`FailureKind::Permanent`] if a column of the key is none of the table's.
    pub async fn bulk_upsert(
        &mut self,
        table: &TableSchema,
        key: &[String],
        batch: &RowBatch,
    ) -> Result<Loaded, Error> {
        let target = bulk::upsert(table, key).and_then(|change| Target::new(table, change, self.dialect()));
        let target = target.map_err(|message| self.database.0.wrong(message))?;
        self.load(&target, batch, Refusals::LeftOut).await
    }

    pub(crate) async fn load(
        &mut self,
        target: &Target,
        batch: &RowBatch,
        refusals: Refusals,
    ) -> Result<Loaded, Error> {
        self.usable()?;
        let loaded = bulk::load(&mut self.lease, target, batch, refusals).await;
        loaded.inspect_err(|error| {
            self.note(error);
            self.spoiled = Some("a bulk insert failed");
        })
    }

    /// The columns of a table or view, as this transaction sees them.
    pub(crate) async fn table(&mut self, name: &str) -> Result<Option<TableSchema>, Error> {
        self.usable()?;
        schema::read(&mut self.lease, name).await
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// If the database could not be told. It is undone all the same, as the connection is closed.
    pub async fn rollback(mut self) -> Result<(), Error> {
        // One that was left half-way is closed, not mended, and that undoes it.
        if self.lease.session().is_usable() {
            let rollback = self.frame.rollback;
            self.lease.run(|connection| connection.run(Arc::from(rollback))).await?;
            self.lease.session().left_transaction();
        }
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
        if statement.asked.action == crate::Action::Stream {
            return Err(inner
                .wrong("a transaction does not stream: fetch its rows, or stream from the client".into()));
        }
        self.invalidates.extend_from_slice(&statement.asked.invalidates);
        let running = run(&mut self.lease, &compiled, statement);
        let result = inner.peer.tell(statement, &inner.texts, running).await;
        match &result {
            Ok(_) => {
                self.spoiled = None;
                if mends {
                    self.went_back();
                }
            }
            Err(error) => {
                self.note(error);
                self.spoiled = self.spoiled.or(self.aftermath(error).await);
            }
        }
        result
    }

    /// Remembers that all of it may be made again, whatever becomes of the error.
    pub(super) fn note(&mut self, error: &Error) {
        if undoes_transaction(error) {
            self.undone = Some(error.kind());
        }
    }

    /// What a failed statement leaves of the transaction.
    async fn aftermath(&mut self, error: &Error) -> Option<&'static str> {
        if !self.lease.session().is_usable() {
            return Some(LOST);
        }
        // Where the database was not asked, nothing happened to the transaction.
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
        if !matches!(source, Some(sqlx::Error::Database(_))) {
            return None;
        }
        match self.dialect() {
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

    pub(super) fn usable(&mut self) -> Result<(), Error> {
        let half_way = (!self.lease.session().is_usable()).then_some("a statement was left half-way");
        match self.spoiled.or(half_way) {
            None => Ok(()),
            Some(why) => {
                Err(self.database.0.wrong(format!("{why}: the transaction can only be rolled back")))
            }
        }
    }

    /// Takes note of a return to a savepoint.
    pub(super) fn went_back(&mut self) {
        if let Some(limit) = &mut self.lease.session().limit {
            limit.went_back();
        }
    }

    pub(crate) fn texts(&self) -> &CompiledCache {
        &self.database.0.texts
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.texts().dialect()
    }

    pub(crate) fn name(&self) -> &str {
        self.lease.name()
    }
}

fn commits(word: &str) -> String {
    format!("`{word}` would commit the transaction before its end: do it outside of one")
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("name", &self.name()).finish_non_exhaustive()
    }
}
