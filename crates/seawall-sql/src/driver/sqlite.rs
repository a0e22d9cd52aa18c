use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::TryStreamExt;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow, SqliteValueRef};
use sqlx::{
    Arguments, Column, ConnectOptions, Decode, Executor, Row as _, SqliteConnection, TypeInfo, ValueRef,
};

use super::{Chunk, RowSender, STREAM_CHUNK, answering, binding, reading};
use crate::{Row, Value};

/// How many steps of its virtual machine SQLite makes before it looks whether it was interrupted: well under a
/// millisecond, and too seldom to be measured.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// Opens a connection, with the switch that interrupts what it is doing.
pub(crate) async fn open(
    options: &SqliteConnectOptions,
) -> Result<(SqliteConnection, Arc<AtomicBool>), sqlx::Error> {
    let mut connection = options.connect().await?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&interrupted);
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS_BETWEEN_LOOKS, move || !switch.load(Ordering::Relaxed));
    Ok((connection, interrupted))
}

pub(crate) async fn run(connection: &mut SqliteConnection, sql: Arc<str>) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::AssertSqlSafe(sql)).await.map(drop)
}

answering!(SqliteConnection, SqliteRow);

reading!(SqliteConnection, SqliteRow);

binding!(SqliteConnection, SqliteArguments);

/// A value as it is stored, whatever the column was declared as.
fn value(raw: SqliteValueRef<'_>) -> Result<Value, BoxDynError> {
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let stored = raw.type_info();
    Ok(match stored.name() {
        "BOOLEAN" | "INTEGER" | "INT4" => Value::Integer(<i64 as Decode<sqlx::Sqlite>>::decode(raw)?),
        "REAL" => Value::Real(<f64 as Decode<sqlx::Sqlite>>::decode(raw)?),
        "BLOB" => Value::Bytes(<Vec<u8> as Decode<sqlx::Sqlite>>::decode(raw)?),
        _ => Value::Text(<String as Decode<sqlx::Sqlite>>::decode(raw)?),
    })
}
