//! Bulk loading: the fastest way each database has, and the search for the rows it refuses.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::ops::Range;
use std::sync::Arc;

use seawall_core::{CallContext, Error};

use crate::driver::Way;
use crate::named::Dialect;
use crate::pool::{Fault, Lease, deadline_passed};
use crate::{Connection, RowBatch, TableSchema, classify, schema};

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// How many rows are in the table.
    pub rows: u64,
    /// Those that the database refused, in the order of the batch.
    pub rejected: Vec<RejectedRow>,
}

/// A row that the database refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its place in the batch, from 0.
    pub row: usize,
    /// Why, in the database's words.
    pub reason: String,
}

/// A range of rows that the database did not take as a whole.
struct Setback {
    error: sqlx::Error,
    /// Where in the range the culprit is, as far as is known.
    culprit: Range<usize>,
}

/// Loads all rows that the database takes.
///
/// The whole range is tried first. When it is refused, the rows before the culprit are loaded and the step grows
/// again from there, doubling with each success and shrinking to the half with each refusal, down to the row itself:
/// a few bad rows cost a few statements each, and a batch of nothing but bad rows one statement a row.
pub(crate) async fn load(lease: &mut Lease, table: &TableSchema, batch: &RowBatch) -> Result<Loaded, Error> {
    if table.columns.len() != batch.width() {
        let message = format!(
            "the rows have {} cells and the table `{}` has {} columns",
            batch.width(),
            table.name,
            table.columns.len()
        );
        return Err(schema::wrong(lease.name(), message));
    }
    if lease.session().way() != Way::Prepared {
        let message = "a bulk load needs prepared statements, which a pooler in transaction mode does not keep: connect past it";
        return Err(schema::wrong(lease.name(), message.into()));
    }
    let dialect = lease.session().connection.dialect();
    let target = Target::new(table, dialect).map_err(|message| schema::wrong(lease.name(), message))?;
    lease.allow(CallContext::current_deadline()).await?;
    let mut loaded = Loaded::default();
    let mut at = 0;
    let mut step = batch.len();
    while at < batch.len() {
        let end = at.saturating_add(step).min(batch.len());
        savepoint(lease, "SAVEPOINT seawall_bulk").await?;
        match attempt(lease, &target, batch, at..end).await? {
            Ok(()) => {
                savepoint(lease, "RELEASE SAVEPOINT seawall_bulk").await?;
                loaded.rows += (end - at) as u64;
                at = end;
                step = step.saturating_mul(2);
            }
            Err(Setback { error, culprit }) => {
                // Also the proof that the transaction still stands: it fails if the refusal has undone all of it.
                savepoint(lease, "ROLLBACK TO SAVEPOINT seawall_bulk").await?;
                savepoint(lease, "RELEASE SAVEPOINT seawall_bulk").await?;
                if end - at == 1 {
                    loaded.rejected.push(RejectedRow { row: at, reason: classify::words(&error) });
                    at = end;
                } else if culprit.start > at && culprit.start < end {
                    step = culprit.start - at;
                } else {
                    // Less than what was tried, as that was two rows at least.
                    step = (culprit.end.clamp(at + 1, end) - at).div_ceil(2);
                }
            }
        }
    }
    Ok(loaded)
}

/// The table, as statements name it.
struct Target {
    name: String,
    columns: Vec<String>,
    #[cfg(feature = "postgres")]
    types: Vec<String>,
    /// Which columns are moments.
    #[cfg(feature = "mysql")]
    moments: Vec<bool>,
}

impl Target {
    fn new(table: &TableSchema, dialect: Dialect) -> Result<Self, String> {
        Ok(Self {
            name: schema::table_name(&table.name, dialect)?,
            columns: table
                .columns
                .iter()
                .map(|column| schema::quote(&column.name, dialect))
                .collect::<Result<_, _>>()?,
            #[cfg(feature = "postgres")]
            types: table
                .columns
                .iter()
                .map(|column| schema::type_name(&column.column_type, dialect).map(str::to_owned))
                .collect::<Result<_, _>>()?,
            #[cfg(feature = "mysql")]
            moments: table
                .columns
                .iter()
                .map(|column| column.column_type == crate::ColumnType::Timestamp)
                .collect(),
        })
    }
}

async fn savepoint(lease: &mut Lease, sql: &'static str) -> Result<(), Error> {
    lease.run(|connection| connection.run(Arc::from(sql))).await
}

/// Loads a range or nothing of it.
async fn attempt(
    lease: &mut Lease,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
) -> Result<Result<(), Setback>, Error> {
    // Which part is being loaded; read when it fails.
    let mut part = range.clone();
    let loading = lease.attempt(|connection| {
        let part = &mut part;
        async move {
            match connection {
                #[cfg(feature = "sqlite")]
                Connection::Sqlite(connection) => {
                    sqlite::insert(connection, target, batch, range, part).await
                }
                #[cfg(feature = "postgres")]
                Connection::Postgres(connection) => {
                    postgres::insert(connection, target, batch, range, part).await
                }
                #[cfg(feature = "mysql")]
                Connection::MySql(connection) => mysql::insert(connection, target, batch, range, part).await,
            }
        }
    });
    match loading.await {
        Ok(()) => Ok(Ok(())),
        Err(Fault::Deadline) => Err(deadline_passed(lease.name())),
        Err(Fault::Driver(error)) if classify::judge(&error).about_data => {
            Ok(Err(Setback { error, culprit: part }))
        }
        Err(Fault::Driver(error)) => Err(classify::error(lease.name(), error)),
    }
}
