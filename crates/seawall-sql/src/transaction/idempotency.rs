//! Keys of transactions, committed together with them.
//!
//! The key is the first thing that a transaction writes. So whoever comes with the same key while the fate of the first
//! is undecided waits in the database for it to be decided, and no answer that was lost can be misread: there is no
//! moment at which the key is free though its transaction may still be committed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use seawall_core::{Error, FailureKind};

use super::Transaction;
use crate::named::Dialect;
use crate::{Row, Sql};

/// The table that the keys of [`TransactionBuilder::idempotency_key`](crate::TransactionBuilder::idempotency_key) are
/// in: `idempotency_key`, and `taken_at` in seconds since 1970.
pub const IDEMPOTENCY_TABLE: &str = "seawall_idempotency_keys";

/// The layer of the error that says that a transaction of this
/// [idempotency key](crate::TransactionBuilder::idempotency_key) was committed before: nothing was executed this time.
pub const ALREADY_COMMITTED: &str = "sql_idempotency";

const LONGEST_KEY: usize = 255;

impl Sql {
    /// Creates the table of idempotency keys, [`IDEMPOTENCY_TABLE`], unless it is there.
    ///
    /// Otherwise it is created when the first key is used; call this, or create it yourself, where the program's own
    /// user may not create tables: `idempotency_key` of at least 255 bytes, compared byte by byte, is its primary key,
    /// `taken_at` a whole number of 64 bits.
    ///
    /// # Errors
    /// As any call.
    pub async fn create_idempotency_table(&self) -> Result<(), Error> {
        let key = match self.dialect()? {
            Dialect::Sqlite | Dialect::Postgres => "VARCHAR(255)",
            // Its texts are compared without regard to case and to blanks at their end.
            Dialect::MySql => "VARBINARY(255)",
        };
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {IDEMPOTENCY_TABLE} \
             (idempotency_key {key} NOT NULL PRIMARY KEY, taken_at BIGINT NOT NULL)"
        );
        let created = self.execute(&text).await;
        match created {
            // Two that create it at once get in each other's way: one of them fails, and the table is there.
            Err(error) if !self.has_idempotency_table().await? => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes the idempotency keys that were taken longer ago than this, and says how many. Whoever comes with one of
    /// them after that is taken for new: keep them for longer than anybody repeats anything.
    ///
    /// # Errors
    /// As any call.
    pub async fn forget_idempotency_keys(&self, older_than: Duration) -> Result<u64, Error> {
        let now = now(self.dialect()?);
        let text = format!("DELETE FROM {IDEMPOTENCY_TABLE} WHERE taken_at < {now} - :age");
        let age = i64::try_from(older_than.as_secs()).unwrap_or(i64::MAX / 2);
        self.execute(&text).bind("age", age).await
    }

    async fn has_idempotency_table(&self) -> Result<bool, Error> {
        let text = format!("SELECT 1 FROM {IDEMPOTENCY_TABLE} WHERE 1 = 0");
        match self.query(&text).fetch_optional::<Row>().await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == FailureKind::Permanent => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Makes sure that the key can be taken.
pub(super) async fn prepare(sql: &Sql, key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        let message = format!("an idempotency key has 1 to {LONGEST_KEY} bytes, and this one {}", key.len());
        return Err(sql.database()?.0.wrong(message));
    }
    let ready = &sql.database()?.0.has_idempotency_table;
    if !ready.load(Ordering::Relaxed) {
        if !sql.has_idempotency_table().await? {
            sql.create_idempotency_table().await?;
        }
        ready.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Takes the key for a transaction; `false` if one that has it was committed. Waits for one that has it and is undecided.
pub(super) async fn take(transaction: &mut Transaction, key: &str) -> Result<bool, Error> {
    let dialect = transaction.dialect();
    let now = now(dialect);
    let columns = format!("{IDEMPOTENCY_TABLE} (idempotency_key, taken_at) VALUES (:key, {now})");
    let text = match dialect {
        Dialect::Sqlite | Dialect::Postgres => format!("INSERT INTO {columns} ON CONFLICT DO NOTHING"),
        Dialect::MySql => format!("INSERT IGNORE INTO {columns}"),
    };
    Ok(transaction.execute(&text).bind("key", key).await? == 1)
}

const fn now(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "CAST(strftime('%s', 'now') AS INTEGER)",
        Dialect::Postgres => "CAST(extract(epoch FROM now()) AS BIGINT)",
        Dialect::MySql => "unix_timestamp()",
    }
}

pub(super) fn already_committed(sql: &Sql) -> Error {
    Error::new(FailureKind::Permanent, ALREADY_COMMITTED, sql.name().to_owned())
        .with_message("a transaction of this idempotency key was committed before: it was not run again")
        .not_executed()
}

/// The error of a commit that turned out not to have happened.
pub(super) fn undone_after_all(unknown: Error) -> Error {
    Error::new(unknown.kind(), "sql", unknown.name().to_owned())
        .with_message("the connection was lost during COMMIT, and the transaction was undone")
        .with_source(unknown)
        .not_executed()
}
