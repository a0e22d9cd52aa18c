use std::ops::Range;
use std::sync::Arc;

use futures_util::future::join;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Executor, SqliteConnection};

use super::target::{Change, ROWS as NAME, Target};
use crate::{Cell, RowBatch};

/// How many values one statement carries. Measured with six columns: 50 rows a statement load 0.33 million rows a
/// second, 100 load 0.59, 250 load 0.82, 500 load 0.97 and 1000 load 1.02: each is one trip to SQLite's thread.
const VALUES: usize = 6000;

/// How many rows one statement carries at most, so that narrow tables do not make endless texts.
const ROWS: usize = 1000;

/// Brings a range of rows to the database, many with each statement. While SQLite's thread works on one statement, the
/// values of the next are put together.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
    part: &mut Range<usize>,
) -> Result<u64, sqlx::Error> {
    let rows = (VALUES / batch.width()).clamp(1, ROWS);
    let full: Arc<str> = if range.len() >= rows { statement(target, rows) } else { Arc::from("") };
    *part = range.start..range.end.min(range.start + rows);
    let mut next = arguments(batch, part.clone())?;
    let mut changed = 0;
    while part.start < part.end {
        let whole = part.len() == rows;
        let sql = if whole { Arc::clone(&full) } else { statement(target, part.len()) };
        // Statements of odd sizes would only push others out of the cache.
        let query = sqlx::query_with(AssertSqlSafe(sql), next).persistent(whole);
        let following = part.end..range.end.min(part.end + rows);
        let (done, prepared) =
            join(connection.execute(query), async { arguments(batch, following.clone()) }).await;
        changed += done?.rows_affected();
        next = prepared?;
        *part = following;
    }
    Ok(changed)
}

fn statement(target: &Target, rows: usize) -> Arc<str> {
    let values = target.placeholders(rows);
    match &target.change {
        Change::Insert | Change::Upsert { .. } => {
            format!("{} VALUES {values}{}", target.insert_into(), target.on_conflict())
        }
        Change::Update { key, set } => format!(
            "WITH {NAME} ({}) AS (VALUES {values}) {}",
            target.columns.join(","),
            target.update_from(key, set, NAME)
        ),
        Change::Delete => target.delete_in(&format!("VALUES {values}")),
    }
    .into()
}

fn arguments(batch: &RowBatch, range: Range<usize>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(range.len() * batch.width(), 0);
    for cell in batch.rows(range) {
        match cell {
            Cell::Null => arguments.add(None::<i64>),
            Cell::Boolean(value) => arguments.add(value),
            Cell::Integer(value) => arguments.add(value),
            Cell::Real(value) => arguments.add(value),
            Cell::Text(value) => arguments.add(Arc::<str>::from(value)),
            Cell::Bytes(value) => arguments.add(Arc::<[u8]>::from(value)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
