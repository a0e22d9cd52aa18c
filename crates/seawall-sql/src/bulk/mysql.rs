use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use futures_util::future::join;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::{Arguments, AssertSqlSafe, Executor};

use super::target::{Change, ROWS as NAME, TABLE, Target};
use crate::{Cell, ColumnType, RowBatch};

/// How many values one statement carries; the protocol counts them in 16 bits.
const VALUES: usize = 20_000;

/// How many rows one statement carries at most.
const ROWS: usize = 2000;

/// How many rows an update carries, each of which is a `SELECT` of its own.
const UPDATES: usize = 200;

/// Brings a range of rows to the database, many with each statement. While the server works on one statement, the
/// values of the next are put together.
pub(super) async fn load(
    connection: &mut MySqlConnection,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
    part: &mut Range<usize>,
) -> Result<u64, sqlx::Error> {
    // What is longer than a packet may be is not refused but hung up on, and it is made of more than the values.
    let (packet,): (u64,) =
        sqlx::query_as("select cast(@@max_allowed_packet as unsigned)").fetch_one(&mut *connection).await?;
    let bytes = usize::try_from(packet / 2).unwrap_or(usize::MAX);
    let most = if matches!(target.change, Change::Update { .. }) { UPDATES } else { ROWS };
    let rows = (VALUES / batch.width()).clamp(1, most);
    let all = range.len() as u64;
    let take = |from: usize| from..from + fitting(batch, from..range.end.min(from + rows), bytes);
    let full: Arc<str> = if range.len() >= rows { statement(target, rows) } else { Arc::from("") };
    *part = take(range.start);
    let mut next = arguments(target, batch, part.clone())?;
    let mut changed = 0;
    while part.start < part.end {
        let whole = part.len() == rows;
        let sql = if whole { Arc::clone(&full) } else { statement(target, part.len()) };
        // Statements of odd sizes would only push others out of the cache, here and on the server.
        let query = sqlx::query_with(AssertSqlSafe(sql), next).persistent(whole);
        let following = take(part.end);
        let (done, prepared) =
            join(connection.execute(query), async { arguments(target, batch, following.clone()) }).await;
        changed += done?.rows_affected();
        next = prepared?;
        *part = following;
    }
    // It counts an update of an upsert twice.
    Ok(if matches!(target.change, Change::Upsert { .. }) { all } else { changed })
}

/// How many rows of a range are no longer than so many bytes together; one at least, whose length the server judges.
fn fitting(batch: &RowBatch, range: Range<usize>, bytes: usize) -> usize {
    let length = |row| {
        let cells = batch.row(row).map(|cell| match cell {
            Cell::Text(text) => text.len() + 9,
            Cell::Bytes(bytes) => bytes.len() + 9,
            _ => 9,
        });
        cells.sum::<usize>()
    };
    let mut left = bytes;
    let fit = range.clone().take_while(|&row| {
        let fits = left.checked_sub(length(row));
        left = fits.unwrap_or_default();
        fits.is_some()
    });
    fit.count().max(1).min(range.len())
}

fn statement(target: &Target, rows: usize) -> Arc<str> {
    let columns = || target.columns.join(",");
    match &target.change {
        Change::Insert | Change::Upsert { .. } => {
            format!("{} VALUES {}{}", target.insert_into(), target.placeholders(rows), on_duplicate(target))
        }
        Change::Update { key, set } => {
            // The first of these has no rows but the types and collations of the columns, which the values take.
            let row = format!(" UNION ALL SELECT {}", vec!["?"; target.width()].join(","));
            let set = target.list(set, |name| format!("{TABLE}.{name} = {NAME}.{name}"), ",");
            format!(
                "UPDATE {0} AS {TABLE} JOIN (SELECT {1} FROM {0} WHERE 1 = 0{2}) AS {NAME} ON {3} SET {set}",
                target.name,
                columns(),
                row.repeat(rows),
                target.same(key)
            )
        }
        Change::Delete if target.width() == 1 => target.delete_in(&vec!["?"; rows].join(",")),
        Change::Delete => target.delete_in(&target.placeholders(rows)),
    }
    .into()
}

/// Any unique key makes the conflict: there is no way to name one.
fn on_duplicate(target: &Target) -> String {
    let Change::Upsert { key, update } = &target.change else { return String::new() };
    let update = if update.is_empty() {
        target.list(&key[..1], |name| format!("{name} = {name}"), ",")
    } else {
        target.list(update, |name| format!("{name} = VALUES({name})"), ",")
    };
    format!(" ON DUPLICATE KEY UPDATE {update}")
}

fn arguments(target: &Target, batch: &RowBatch, range: Range<usize>) -> Result<MySqlArguments, sqlx::Error> {
    let mut arguments = MySqlArguments::default();
    arguments.reserve(range.len() * batch.width(), 0);
    for (cell, kind) in batch.rows(range).zip(target.kinds.iter().cycle()) {
        match cell {
            Cell::Null => arguments.add(None::<i64>),
            Cell::Boolean(value) => arguments.add(value),
            Cell::Integer(value) => arguments.add(value),
            Cell::Real(value) => arguments.add(value),
            Cell::Text(value) if *kind == ColumnType::Timestamp => arguments.add(&*in_utc(value)),
            Cell::Text(value) => arguments.add(value),
            Cell::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// MariaDB reads no offsets. What has none, or cannot be read, is left to the server.
fn in_utc(text: &str) -> Cow<'_, str> {
    match text.parse::<Timestamp>() {
        Ok(moment) => TimeZone::UTC.to_datetime(moment).to_string().into(),
        Err(_) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_sent_in_utc() {
        assert_eq!(in_utc("2024-02-29T12:00:00.5+02:00"), "2024-02-29T10:00:00.5");
        assert_eq!(in_utc("2024-02-29 12:00:00"), "2024-02-29 12:00:00");
        assert_eq!(in_utc("no moment"), "no moment");
    }

    #[test]
    fn a_statement_is_no_longer_than_a_packet_may_be() {
        let mut batch = RowBatch::new(1);
        for length in [1, 91, 1, 200] {
            batch.push(Cell::Text(&"x".repeat(length)));
        }
        assert_eq!(fitting(&batch, 0..4, 110), 2);
        assert_eq!(fitting(&batch, 2..4, 110), 1);
        assert_eq!(fitting(&batch, 3..4, 110), 1, "one that is too long by itself is tried");
        assert_eq!(fitting(&batch, 4..4, 110), 0);
    }
}
