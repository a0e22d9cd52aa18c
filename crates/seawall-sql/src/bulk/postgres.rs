use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;

use futures_util::future::join;
use sqlx::{AssertSqlSafe, PgConnection};

use super::Target;
use crate::driver::postgres::copy_line;
use crate::{Cell, RowBatch};

/// How much is sent at a time. A few large writes: the driver leaves Nagle's algorithm on, so every small one behind
/// another may wait some 40 ms for the other side's acknowledgement.
const CHUNK: usize = 1 << 18;

/// Up to how many rows go as one `INSERT`, which is one write. A `COPY` is two at least, its data and its end, and
/// the second waits for the acknowledgement of the first: measured over loopback, 44 ms for 501 and for 1000 rows,
/// against 3 ms for 2000, which need more than one segment.
const FEW: usize = 2000;

/// Inserts a range of rows: by `COPY`, or a few by one `INSERT`.
pub(super) async fn insert(
    connection: &mut PgConnection,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
    part: &mut Range<usize>,
) -> Result<(), sqlx::Error> {
    if range.len() <= FEW {
        return insert_few(connection, target, batch, range).await;
    }
    let form = Form::of(connection, target, batch, range.clone()).await?;
    let sql = format!("COPY {} ({}) FROM STDIN {}", target.name, target.columns.join(","), form.option());
    let start = range.start;
    let copied = async {
        let mut copy = connection.copy_in_raw(&sql).await?;
        let mut rows = range;
        let mut sending = Vec::with_capacity(CHUNK + CHUNK / 8);
        let mut filling = Vec::with_capacity(CHUNK + CHUNK / 8);
        sending.extend_from_slice(form.head());
        fill(&mut sending, form, batch, &mut rows);
        while !sending.is_empty() {
            // While the server has no room for one chunk, the next is written.
            let (sent, ()) =
                join(copy.send(sending.as_slice()), async { fill(&mut filling, form, batch, &mut rows) })
                    .await;
            sent?;
            sending.clear();
            std::mem::swap(&mut sending, &mut filling);
        }
        copy.finish().await
    };
    match copied.await {
        Ok(_) => Ok(()),
        Err(error) => {
            if let Some(line) = copy_line(&error) {
                *part = start + line..start + line + 1;
            }
            Err(error)
        }
    }
}

/// Writes rows until the chunk is full.
fn fill(buffer: &mut Vec<u8>, form: Form, batch: &RowBatch, rows: &mut Range<usize>) {
    while buffer.len() < CHUNK
        && let Some(row) = rows.next()
    {
        match form {
            Form::Text => text(buffer, batch.row(row)),
            Form::Binary => binary(buffer, batch.row(row)),
        }
        if form == Form::Binary && rows.start == rows.end {
            buffer.extend_from_slice(&BINARY_END);
        }
    }
}

/// The two forms that COPY reads. <https://www.postgresql.org/docs/current/sql-copy.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// What every type can be read from.
    Text,
    /// What the server has nothing to parse in: a quarter faster, where every cell is what its column stores.
    Binary,
}

const BINARY_HEAD: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_END: [u8; 2] = (-1_i16).to_be_bytes();

impl Form {
    /// The form for these rows: binary only if that is surely right.
    async fn of(
        connection: &mut PgConnection,
        target: &Target,
        batch: &RowBatch,
        range: Range<usize>,
    ) -> Result<Self, sqlx::Error> {
        // The names quoted as `schema::quote` does it.
        let stored: Vec<(String, String)> = sqlx::query_as(
            "SELECT '\"' || replace(attname, '\"', '\"\"') || '\"', atttypid::regtype::text FROM pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
        )
        .bind(&target.name)
        .fetch_all(connection)
        .await?;
        let stored: HashMap<String, String> = stored.into_iter().collect();
        let types: Option<Vec<&str>> =
            target.columns.iter().map(|column| stored.get(column).map(String::as_str)).collect();
        let Some(types) = types else { return Ok(Self::Text) };
        let fits = |(cell, type_name): (Cell<'_>, &&str)| match cell {
            Cell::Null => matches!(*type_name, "boolean" | "bigint" | "double precision" | "text"),
            Cell::Boolean(_) => *type_name == "boolean",
            Cell::Integer(_) => *type_name == "bigint",
            Cell::Real(_) => *type_name == "double precision",
            Cell::Text(_) => *type_name == "text",
        };
        let all = batch.rows(range).zip(types.iter().cycle()).all(fits);
        Ok(if all { Self::Binary } else { Self::Text })
    }

    fn option(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Binary => "(FORMAT binary)",
        }
    }

    fn head(self) -> &'static [u8] {
        match self {
            Self::Text => &[],
            Self::Binary => &BINARY_HEAD,
        }
    }
}

/// A row in COPY's binary form: how many fields, and of each its length and its bytes in network order.
fn binary<'a>(buffer: &mut Vec<u8>, cells: impl ExactSizeIterator<Item = Cell<'a>>) {
    let width = i16::try_from(cells.len()).expect("Postgres has at most 1600 columns in a table");
    buffer.extend_from_slice(&width.to_be_bytes());
    for cell in cells {
        match cell {
            Cell::Null => buffer.extend_from_slice(&(-1_i32).to_be_bytes()),
            Cell::Boolean(value) => field(buffer, &[u8::from(value)]),
            Cell::Integer(value) => field(buffer, &value.to_be_bytes()),
            Cell::Real(value) => field(buffer, &value.to_be_bytes()),
            Cell::Text(value) => field(buffer, value.as_bytes()),
        }
    }
}

fn field(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).expect("a batch holds far less than 2 GiB of text");
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(bytes);
}

/// A row in COPY's text form.
fn text<'a>(buffer: &mut Vec<u8>, cells: impl Iterator<Item = Cell<'a>>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            buffer.push(b'\t');
        }
        match cell {
            Cell::Null => buffer.extend_from_slice(b"\\N"),
            Cell::Boolean(value) => buffer.push(if value { b't' } else { b'f' }),
            Cell::Integer(value) => write!(buffer, "{value}").expect("writing into memory cannot fail"),
            // The shortest form that reads back as the same number; `inf` and `NaN` are understood too.
            Cell::Real(value) => write!(buffer, "{value:?}").expect("writing into memory cannot fail"),
            Cell::Text(value) => {
                let mut plain = 0;
                for (at, byte) in value.bytes().enumerate() {
                    let escaped = match byte {
                        b'\\' => b'\\',
                        b'\n' => b'n',
                        b'\r' => b'r',
                        b'\t' => b't',
                        _ => continue,
                    };
                    buffer.extend_from_slice(&value.as_bytes()[plain..at]);
                    buffer.extend_from_slice(&[b'\\', escaped]);
                    plain = at + 1;
                }
                buffer.extend_from_slice(&value.as_bytes()[plain..]);
            }
        }
    }
    buffer.push(b'\n');
}

/// Every value as text, each column an array, read by the server as what the column is.
async fn insert_few(
    connection: &mut PgConnection,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
) -> Result<(), sqlx::Error> {
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(range.len()); batch.width()];
    for row in range {
        for (column, cell) in columns.iter_mut().zip(batch.row(row)) {
            column.push(match cell {
                Cell::Null => None,
                Cell::Boolean(value) => Some(value.to_string()),
                Cell::Integer(value) => Some(value.to_string()),
                Cell::Real(value) => Some(format!("{value:?}")),
                Cell::Text(value) => Some(value.to_owned()),
            });
        }
    }
    let numbers = 1..=batch.width();
    let reads: Vec<_> =
        numbers.clone().zip(&target.types).map(|(number, name)| format!("r.c{number}::{name}")).collect();
    let arrays: Vec<_> = numbers.clone().map(|number| format!("${number}::text[]")).collect();
    let names: Vec<_> = numbers.map(|number| format!("c{number}")).collect();
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM unnest({}) AS r({})",
        target.name,
        target.columns.join(","),
        reads.join(","),
        arrays.join(","),
        names.join(",")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for column in columns {
        query = query.bind(column);
    }
    query.execute(connection).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_copy_is_escaped_where_it_must_be() {
        let mut buffer = Vec::new();
        let cells = [
            Cell::Null,
            Cell::Boolean(true),
            Cell::Integer(-7),
            Cell::Real(0.1),
            Cell::Text("a\tb\\c\nd\re"),
            Cell::Text("\\N"),
            Cell::Text(""),
        ];
        text(&mut buffer, cells.into_iter());
        assert_eq!(String::from_utf8(buffer).unwrap(), "\\N\tt\t-7\t0.1\ta\\tb\\\\c\\nd\\re\t\\\\N\t\n");
    }
}
