//! The ledger: one row for each committed batch, written in the batch's own transaction.
//!
//! It is what makes a run exactly-once. After a crash it says where each source stands, and the checksums of what
//! was read say whether the source is still the same.

use seawall_core::Error;
use seawall_sql::{Row, Sql, Transaction};

const CREATE: &str = "create table if not exists seawall_ledger (
    target text not null,
    source text not null,
    generation bigint not null,
    batch bigint not null,
    start_position bigint not null,
    position bigint not null,
    line bigint not null,
    rows bigint not null,
    rejected bigint not null,
    checksum text not null,
    version text,
    layout text not null,
    done bigint not null,
    primary key (target, source, generation, batch))";

/// One committed batch of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Counts restarts: a source that changed begins a new generation.
    pub(crate) generation: i64,
    /// Which batch of the generation, from 0.
    pub(crate) batch: i64,
    /// The bytes of the (decompressed) source that the batch holds: from here …
    pub(crate) start: u64,
    /// … up to here.
    pub(crate) position: u64,
    /// How many lines end before `position`.
    pub(crate) line: u64,
    /// Rows stored.
    pub(crate) rows: u64,
    /// Rows that went to the rejects file.
    pub(crate) rejected: u64,
    /// XXH3 (64 bits) of the bytes.
    pub(crate) checksum: u64,
    /// What tells this version of the source from another: `ETag`, modification time.
    pub(crate) version: Option<String>,
    /// Format and columns, so that a resumed run need not read the header again.
    pub(crate) layout: String,
    /// Whether the source ended here.
    pub(crate) done: bool,
}

/// What the ledger knows of one source in one table: its batches, the oldest first, all of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
}

impl History {
    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Where the next batch begins.
    pub(crate) fn position(&self) -> u64 {
        self.last().map_or(0, |entry| entry.position)
    }

    pub(crate) fn rows(&self) -> u64 {
        self.entries.iter().map(|entry| entry.rows).sum()
    }
}

/// Creates the ledger's table where it is missing.
pub(crate) async fn prepare(sql: &Sql) -> Result<(), Error> {
    sql.query(CREATE).idempotent().execute().await.map(drop)
}

/// Reads what is committed of `source` in `target`.
pub(crate) async fn history(sql: &Sql, target: &str, source: &str) -> Result<History, Error> {
    let rows = sql
        .query(
            "select generation, batch, start_position, position, line, rows, rejected, checksum, version, layout, done
             from seawall_ledger
             where target = :target and source = :source and generation =
                 (select max(generation) from seawall_ledger where target = :target and source = :source)
             order by batch",
        )
        .bind("target", target)
        .bind("source", source)
        .fetch_all()
        .await?;
    let rows: Vec<Row> = rows;
    Ok(History { entries: rows.iter().map(entry).collect::<Result<_, _>>()? })
}

/// Forgets what older versions of `source` brought into `target`, rows and entries, if every row of the table is
/// surely one of them. Says whether it did.
///
/// The ledger does not know single rows, so it can vouch for them only where the table holds exactly as many as this
/// one source brought.
pub(crate) async fn forget_sole_source(sql: &Sql, target: &str, source: &str) -> Result<bool, Error> {
    let mut transaction = sql.begin().await?;
    let account: Row = transaction
        .query(
            "select count(distinct source) as sources, cast(coalesce(sum(rows), 0) as bigint) as rows
             from seawall_ledger where target = :target",
        )
        .bind("target", target)
        .fetch_one()
        .await?;
    let table = quoted(target);
    let held: Row = transaction.query(&format!("select count(*) as held from {table}")).fetch_one().await?;
    let sole = account.get::<i64>("sources")? == 1 && account.get::<i64>("rows")? == held.get::<i64>("held")?;
    if sole {
        transaction.query(&format!("delete from {table}")).execute().await?;
        transaction
            .query("delete from seawall_ledger where target = :target and source = :source")
            .bind("target", target)
            .bind("source", source)
            .execute()
            .await?;
    }
    transaction.commit().await?;
    Ok(sole)
}

/// Writes a batch's entry within the batch's transaction.
pub(crate) async fn record(
    transaction: &mut Transaction,
    target: &str,
    source: &str,
    entry: &Entry,
) -> Result<(), Error> {
    transaction
        .query(
            "insert into seawall_ledger values (:target, :source, :generation, :batch, :start, :position, :line, \
             :rows, :rejected, :checksum, :version, :layout, :done)",
        )
        .bind("target", target)
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
        .bind("done", i64::from(entry.done))
        .execute()
        .await
        .map(drop)
}

fn entry(row: &Row) -> Result<Entry, Error> {
    let count = |column: &str| row.get::<i64>(column).map(unsigned);
    let checksum: String = row.get("checksum")?;
    Ok(Entry {
        generation: row.get("generation")?,
        batch: row.get("batch")?,
        start: count("start_position")?,
        position: count("position")?,
        line: count("line")?,
        rows: count("rows")?,
        rejected: count("rejected")?,
        // An unreadable checksum matches nothing, so the source counts as changed and is read again.
        checksum: u64::from_str_radix(&checksum, 16).unwrap_or_default(),
        version: row.get("version")?,
        layout: row.get("layout")?,
        done: row.get::<i64>("done")? != 0,
    })
}

/// A table's name as SQL text: each part in double quotes, which both databases read as a name and nothing else.
fn quoted(table: &str) -> String {
    table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

// SQL has no unsigned integers. Positions and counts stay far below 2⁶³.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
