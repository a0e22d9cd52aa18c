//! The ledger: one row for each committed batch, written in the batch's own transaction.
//!
//! It is what makes a run exactly-once. After a crash it says where each source stands, and the checksums of what
//! was read say whether the source is still the same.

mod entry;
mod target;
mod words;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Row, Sql, Transaction, is_unique_violation};

pub(crate) use entry::{Entry, History};
use entry::{signed, unsigned};
use target::Target;
use words::Words;

const TABLE: &str = "seawall_ledger";

/// The account of one table.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    sql: Sql,
    target: Target,
    words: &'static Words,
}

impl Ledger {
    /// Opens the account of `table`, and makes the ledger where there is none yet.
    pub(crate) async fn open(sql: &Sql, table: &str) -> Result<Self, Error> {
        let words = Words::of(sql.system());
        let target = Target::find(sql, table).await?;
        let exists = sql.table(TABLE).await?.is_some();
        if !exists && let Err(error) = sql.execute(words.create).await {
            // Somebody else may have made it in the same moment, which even `if not exists` does not forgive.
            if sql.table(TABLE).await?.is_none() {
                return Err(error);
            }
        }
        Ok(Self { sql: sql.clone(), target, words })
    }

    /// Checks that what is loaded into the table is committed and undone together with the ledger's entry, and that the
    /// key of an upsert is one.
    pub(crate) async fn check_table(&self, upsert: &[String]) -> Result<(), Error> {
        self.target.check_engine(&self.sql).await?;
        if upsert.is_empty() { Ok(()) } else { self.target.check_key(&self.sql, upsert).await }
    }

    /// Forgets everything about the table: it is gone, and so is what the entries say of it.
    pub(crate) async fn forget_table(&self) -> Result<u64, Error> {
        let sql = "delete from seawall_ledger where target = :target";
        self.sql.query(sql).bind("target", self.target.name.as_str()).idempotent().execute().await
    }

    /// Reads what is committed of `source`.
    pub(crate) async fn history(&self, source: &str) -> Result<History, Error> {
        let Words { rows, is_source, .. } = self.words;
        let select = format!(
            "select generation, batch, start_position, position, line, {rows}, rejected, checksum, version, layout, done
             from seawall_ledger
             where target = :target and {is_source} and generation =
                 (select max(generation) from seawall_ledger where target = :target and {is_source})
             order by batch"
        );
        let select = self.sql.query(&select).bind("target", self.target.name.as_str()).bind("source", source);
        let rows: Vec<Row> = select.fetch_all().await?;
        Ok(History { entries: rows.iter().map(Entry::read).collect::<Result<_, _>>()? })
    }

    /// Writes a batch's entry within the batch's transaction.
    pub(crate) async fn record(
        &self,
        transaction: &mut Transaction,
        source: &str,
        entry: &Entry,
    ) -> Result<(), Error> {
        let insert = format!(
            "insert into seawall_ledger values (:target, :source, :generation, :batch, :start, :position, :line, \
             :rows, :rejected, :checksum, :version, :layout, :done{})",
            self.words.more
        );
        let written = transaction
            .query(&insert)
            .bind("target", self.target.name.as_str())
            .bind("source", source)
            .bind("generation", entry.generation)
            .bind("batch", entry.batch)
            .bind("start", signed(entry.start))
            .bind("position", signed(entry.position))
            .bind("line", signed(entry.line))
            .bind("rows", signed(entry.rows))
            .bind("rejected", signed(entry.rejected))
            .bind("checksum", format!("{:016x}", entry.checksum))
            .bind("version", entry.version.clone())
            .bind("layout", entry.layout.as_str())
            .bind("done", entry.done())
            .execute()
            .await;
        match written {
            // The batch is there already, and it was not us.
            Err(error) if is_unique_violation(&error) => {
                let what = "another run is loading this source into this table; let it end first";
                Err(wrong(source, what.to_owned()).with_source(error))
            }
            written => written.map(drop),
        }
    }

    /// Removes, within a transaction, what the versions of `source` before `generation` brought into the table, if
    /// that is surely all the table holds and nothing else hangs on it. Says whether it did.
    ///
    /// The ledger does not know single rows, so it can vouch for them only where the table holds exactly as many as
    /// this one source brought. Where more or fewer rows went than it knows of, nothing may be removed, and the
    /// transaction has to be rolled back.
    pub(crate) async fn remove_sole_source(
        &self,
        transaction: &mut Transaction,
        source: &str,
        generation: i64,
    ) -> Result<Removal, Error> {
        let Words { rows, is_source, integer, .. } = self.words;
        let Target { name, quoted, .. } = &self.target;
        let account = format!(
            "select count(distinct source), cast(coalesce(sum({rows}), 0) as {integer}) from seawall_ledger
             where target = :target"
        );
        let (sources, rows): (i64, i64) =
            transaction.query(&account).bind("target", name.as_str()).fetch_one().await?;
        let count = format!("select count(*) from {quoted}");
        let (held,): (i64,) = transaction.query(&count).fetch_one().await?;
        if sources != 1 || rows != held || self.target.is_referred_to(transaction).await? {
            return Ok(Removal::NotOurs);
        }
        let removed = transaction.execute(&format!("delete from {quoted}")).await?;
        if removed != unsigned(rows) {
            return Ok(Removal::RollBack);
        }
        let forget = format!(
            "delete from seawall_ledger where target = :target and {is_source} and generation < :generation"
        );
        transaction
            .execute(&forget)
            .bind("target", name.as_str())
            .bind("source", source)
            .bind("generation", generation)
            .await?;
        Ok(Removal::Removed { rows: removed })
    }
}

/// What became of the rows of an older version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// They are gone, when the transaction commits.
    Removed {
        /// How many they were.
        rows: u64,
    },
    /// They stay: the table holds rows from elsewhere, or others hang on it.
    NotOurs,
    /// Somebody wrote into the table in the same moment.
    RollBack,
}

/// The ledger itself as a destination would be a snake that eats its tail.
pub(crate) fn check_target(table: &str) -> Result<(), Error> {
    let name = table.rsplit('.').next().unwrap_or(table);
    if name.eq_ignore_ascii_case(TABLE) {
        return Err(wrong(table, "is the ledger's own table; choose another one".to_owned()));
    }
    Ok(())
}

/// A table that would be made has no keys yet.
pub(crate) fn check_upsert(table: &str, key: &[String]) -> Result<(), Error> {
    if key.is_empty() {
        return Ok(());
    }
    Err(wrong(
        table,
        "there is no such table: to update rows by a key, create it with that key first".to_owned(),
    ))
}

fn wrong(name: &str, message: String) -> Error {
    Error::new(FailureKind::Permanent, "ingest", name.to_owned()).with_message(message)
}
