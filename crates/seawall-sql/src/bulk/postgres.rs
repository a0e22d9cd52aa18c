use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::ops::Range;

use futures_util::future::join;
use sqlx::{AssertSqlSafe, PgConnection};

use super::target::{Change, ROWS as NAME, TABLE, Target};
use crate::driver::postgres::copy_line;
use crate::schema::Declared;
use crate::{Cell, ColumnType, RowBatch};

/// How much is sent at a time. A few large writes: the driver leaves Nagle's algorithm on, so every small one behind
/// another may wait some 40 ms for the other side's acknowledgement.
const CHUNK: usize = 1 << 18;

/// Up to how many rows go as one `INSERT`, which is one write. A `COPY` is two at least, its data and its end, and
/// the second waits for the acknowledgement of the first: measured over loopback, 44 ms for 501 and for 1000 rows,
/// against 3 ms for 2000, which need more than one segment.
const FEW: usize = 2000;

/// Less than this goes as one `INSERT` too, however many rows it is: two segments over loopback, after which the other
/// side acknowledges at once.
const LITTLE: usize = 1 << 17;

/// Brings a range of rows to the database: by `COPY`, or by one statement.
pub(super) async fn load(
    connection: &mut PgConnection,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
    part: &mut Range<usize>,
) -> Result<u64, sqlx::Error> {
    if range.len() <= FEW || !matches!(target.change, Change::Insert) {
        return from_arrays(connection, target, batch, range).await;
    }
    let form = Form::of(connection, target, batch, range.clone()).await?;
    if form.length(batch, range.clone()) < LITTLE {
        return from_arrays(connection, target, batch, range).await;
    }
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
        Ok(copied) => Ok(copied),
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
            Cell::Null => matches!(*type_name, "boolean" | "bigint" | "double precision" | "text" | "bytea"),
            Cell::Boolean(_) => *type_name == "boolean",
            Cell::Integer(_) => *type_name == "bigint",
            Cell::Real(_) => *type_name == "double precision",
            Cell::Text(_) => *type_name == "text",
            Cell::Bytes(_) => *type_name == "bytea",
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

    /// How many bytes the rows are, at least.
    fn length(self, batch: &RowBatch, range: Range<usize>) -> usize {
        let of_rows = if self == Self::Binary { 2 * range.len() } else { 0 };
        let of_cell = |cell| match (cell, self) {
            (Cell::Text(text), Self::Text) => text.len() + 1,
            (Cell::Bytes(bytes), Self::Text) => 2 * bytes.len() + 4,
            (_, Self::Text) => 2,
            (Cell::Text(text), Self::Binary) => text.len() + 4,
            (Cell::Bytes(bytes), Self::Binary) => bytes.len() + 4,
            (Cell::Integer(_) | Cell::Real(_), Self::Binary) => 12,
            (_, Self::Binary) => 4,
        };
        of_rows + batch.rows(range).map(of_cell).sum::<usize>()
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
            Cell::Bytes(value) => field(buffer, value),
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
            Cell::Bytes(value) => {
                buffer.push(b'\\');
                buffer.extend_from_slice(hex(value).as_bytes());
            }
        }
    }
    buffer.push(b'\n');
}

/// All rows with one statement, each column an array, read by the server as what the column is.
async fn from_arrays(
    connection: &mut PgConnection,
    target: &Target,
    batch: &RowBatch,
    range: Range<usize>,
) -> Result<u64, sqlx::Error> {
    let arrays: Vec<Array<'_>> = target
        .kinds
        .iter()
        .enumerate()
        .map(|(column, kind)| Array::of(kind, batch.column(column, range.clone())))
        .collect();
    let mut query = sqlx::query(AssertSqlSafe(statement(target, &arrays)));
    for array in arrays {
        query = match array {
            Array::Booleans(values) => query.bind(values),
            Array::Integers(values) => query.bind(values),
            Array::Reals(values) => query.bind(values),
            Array::Texts(values) => query.bind(values),
        };
    }
    if let Some(Declared(declared)) = &target.if_declared {
        query = query.bind(&target.name).bind(declared);
    }
    query.execute(connection).await.map(|done| done.rows_affected())
}

fn statement(target: &Target, arrays: &[Array<'_>]) -> String {
    let each = |write: &dyn Fn(usize) -> String| (0..target.width()).map(write).collect::<Vec<_>>().join(",");
    let rows = format!(
        "SELECT {} FROM unnest({}) AS r({}){}",
        each(&|at| format!("r.c{at}::{} AS {}", target.types[at], target.columns[at])),
        each(&|at| format!("${}::{}[]", at + 1, arrays[at].element())),
        each(&|at| format!("c{at}")),
        only_if_declared(target),
    );
    match &target.change {
        Change::Insert | Change::Upsert { .. } => {
            format!("{} {rows}{}", target.insert_into(), target.on_conflict())
        }
        Change::Update { key, set } => target.update_from(key, set, &format!("({rows}) AS {NAME}")),
        Change::Delete => {
            let key: Vec<usize> = (0..target.width()).collect();
            format!(
                "DELETE FROM {} AS {TABLE} USING ({rows}) AS {NAME} WHERE {}",
                target.name,
                target.same(&key)
            )
        }
    }
}

/// The condition that the table is still what it was. It is looked up once, by whoever holds the table's lock already, so
/// that nobody can change it after that.
fn only_if_declared(target: &Target) -> String {
    if target.if_declared.is_none() {
        return String::new();
    }
    let (name, declared) = (target.width() + 1, target.width() + 2);
    format!(
        " WHERE (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), E'\\n' ORDER BY attnum) \
         FROM pg_attribute WHERE attrelid = to_regclass(${name}::text) AND attnum > 0 AND NOT attisdropped \
         AND attgenerated = '') = ${declared}::text"
    )
}

/// The values of a column: as they are where all are what the column is read as, else as text.
enum Array<'b> {
    Booleans(Vec<Option<bool>>),
    Integers(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Texts(Vec<Option<Cow<'b, str>>>),
}

impl<'b> Array<'b> {
    fn of(kind: &ColumnType, cells: impl Iterator<Item = Cell<'b>> + Clone) -> Self {
        let as_it_is = match kind {
            ColumnType::Boolean => pure(cells.clone(), |cell| match cell {
                Cell::Boolean(value) => Some(value),
                _ => None,
            })
            .map(Array::Booleans),
            ColumnType::Integer => pure(cells.clone(), |cell| match cell {
                Cell::Integer(value) => Some(value),
                _ => None,
            })
            .map(Array::Integers),
            ColumnType::Real => pure(cells.clone(), |cell| match cell {
                Cell::Real(value) => Some(value),
                _ => None,
            })
            .map(Array::Reals),
            _ => None,
        };
        as_it_is.unwrap_or_else(|| Array::Texts(cells.map(as_text).collect()))
    }

    /// The type of its elements.
    fn element(&self) -> &'static str {
        match self {
            Self::Booleans(_) => "bool",
            Self::Integers(_) => "int8",
            Self::Reals(_) => "float8",
            Self::Texts(_) => "text",
        }
    }
}

/// The values, if all that are not NULL are of one kind.
fn pure<'b, T>(
    mut cells: impl Iterator<Item = Cell<'b>>,
    read: impl Fn(Cell<'b>) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    cells.try_fold(Vec::new(), |mut values, cell| {
        values.push(if cell == Cell::Null { None } else { Some(read(cell)?) });
        Some(values)
    })
}

fn as_text(cell: Cell<'_>) -> Option<Cow<'_, str>> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Boolean(value) => value.to_string().into(),
        Cell::Integer(value) => value.to_string().into(),
        Cell::Real(value) => format!("{value:?}").into(),
        Cell::Text(value) => value.into(),
        Cell::Bytes(value) => hex(value).into(),
    })
}

/// Bytes as the server writes them: `\x0a`.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("\\x");
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing into memory cannot fail");
    }
    text
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
            Cell::Bytes(&[0, 10, 255]),
        ];
        text(&mut buffer, cells.into_iter());
        assert_eq!(
            String::from_utf8(buffer).unwrap(),
            "\\N\tt\t-7\t0.1\ta\\tb\\\\c\\nd\\re\t\\\\N\t\t\\\\x000aff\n"
        );
    }
}
