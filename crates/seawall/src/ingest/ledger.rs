//! The ledger: one row for each committed batch, written in the batch's own transaction.
//!
//! It is what makes a run exactly-once. After a crash it says where each source stands, and the checksums of what
//! was read say whether the source is still the same.

use seawall_core::{Error, FailureKind};
use seawall_sql::{Row, Sql, Transaction, is_unique_violation, quote_table};

const TABLE: &str = "seawall_ledger";

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
    /// Whether it ended within a quoted field, so that nothing may follow.
    pub(crate) unclosed: bool,
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

/// The account of one table.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    sql: Sql,
    /// The table as statements name it.
    table: String,
    /// The table as entries name it: the same for `trades` and `public.trades`, or for `Trades` where letter case
    /// does not count.
    target: String,
}

impl Ledger {
    /// Opens the account of `table`, and makes the ledger where there is none yet.
    pub(crate) async fn open(sql: &Sql, table: &str) -> Result<Self, Error> {
        if matches!(sql.system(), Some("mysql" | "mariadb")) {
            return Err(wrong(table, "rows are ingested into SQLite and Postgres only".to_owned()));
        }
        let exists = sql.table(TABLE).await?.is_some();
        if !exists && let Err(error) = sql.execute(CREATE).await {
            // Somebody else may have made it in the same moment, which even `if not exists` does not forgive.
            if sql.table(TABLE).await?.is_none() {
                return Err(error);
            }
        }
        let quoted = quote_table(table).map_err(|what| wrong(table, what))?;
        let target = match sql.system() {
            Some("sqlite") => {
                // Letter case does not count there, that of ASCII.
                let name = table.to_ascii_lowercase();
                name.strip_prefix("main.").map(str::to_owned).unwrap_or(name)
            }
            Some("postgresql") if !table.contains('.') => {
                // Where the search path finds it, or else will make it.
                let find = "select coalesce(
                    (select relnamespace::regnamespace::text from pg_class where oid = to_regclass(:table)),
                    current_schema()::text)";
                let (schema,): (Option<String>,) =
                    sql.query(find).bind("table", quoted.as_str()).fetch_one().await?;
                schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"))
            }
            _ => table.to_owned(),
        };
        Ok(Self { sql: sql.clone(), table: quoted, target })
    }

    /// Forgets everything about the table: it is gone, and so is what the entries say of it.
    pub(crate) async fn forget_table(&self) -> Result<u64, Error> {
        let sql = "delete from seawall_ledger where target = :target";
        self.sql.query(sql).bind("target", self.target.as_str()).idempotent().execute().await
    }

    /// Reads what is committed of `source`.
    pub(crate) async fn history(&self, source: &str) -> Result<History, Error> {
        let rows: Vec<Row> = self
            .sql
            .query(
                "select generation, batch, start_position, position, line, rows, rejected, checksum, version, layout,
                     done
                 from seawall_ledger
                 where target = :target and source = :source and generation =
                     (select max(generation) from seawall_ledger where target = :target and source = :source)
                 order by batch",
            )
            .bind("target", self.target.as_str())
            .bind("source", source)
            .fetch_all()
            .await?;
        Ok(History { entries: rows.iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// Writes a batch's entry within the batch's transaction.
    pub(crate) async fn record(
        &self,
        transaction: &mut Transaction,
        source: &str,
        entry: &Entry,
    ) -> Result<(), Error> {
        let written = transaction
            .query(
                "insert into seawall_ledger values (:target, :source, :generation, :batch, :start, :position, :line, \
                 :rows, :rejected, :checksum, :version, :layout, :done)",
            )
            .bind("target", self.target.as_str())
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
            .bind("done", i64::from(entry.done) + i64::from(entry.done && entry.unclosed))
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
        let account =
            "select count(distinct source), cast(coalesce(sum(rows), 0) as bigint) from seawall_ledger
                       where target = :target";
        let (sources, rows): (i64, i64) =
            transaction.query(account).bind("target", self.target.as_str()).fetch_one().await?;
        let count = format!("select count(*) from {}", self.table);
        let (held,): (i64,) = transaction.query(&count).fetch_one().await?;
        if sources != 1 || rows != held || self.is_referred_to(transaction).await? {
            return Ok(Removal::NotOurs);
        }
        let removed = transaction.query(&format!("delete from {}", self.table)).execute().await?;
        if removed != unsigned(rows) {
            return Ok(Removal::RollBack);
        }
        transaction
            .query(
                "delete from seawall_ledger
                 where target = :target and source = :source and generation < :generation",
            )
            .bind("target", self.target.as_str())
            .bind("source", source)
            .bind("generation", generation)
            .execute()
            .await?;
        Ok(Removal::Removed { rows: removed })
    }

    /// Whether foreign keys of other tables point to this one: removing its rows may remove theirs.
    async fn is_referred_to(&self, transaction: &mut Transaction) -> Result<bool, Error> {
        let (count, name) = match self.sql.system() {
            Some("postgresql") => (
                "select count(*) from pg_constraint where contype = 'f' and confrelid = to_regclass(:table)",
                self.table.as_str(),
            ),
            Some("sqlite") => (
                "select count(*) from sqlite_master m, pragma_foreign_key_list(m.name) k
                 where m.type = 'table' and lower(k.\"table\") = :table",
                self.target.as_str(),
            ),
            _ => return Ok(true),
        };
        let (keys,): (i64,) = transaction.query(count).bind("table", name).fetch_one().await?;
        Ok(keys > 0)
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

fn wrong(name: &str, message: String) -> Error {
    Error::new(FailureKind::Permanent, "ingest", name.to_owned()).with_message(message)
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
        unclosed: row.get::<i64>("done")? == 2,
    })
}

// SQL has no unsigned integers. Positions and counts stay far below 2⁶³.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
