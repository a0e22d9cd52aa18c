use std::borrow::Cow;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnectOptions, PgConnection, PgRow, PgTypeInfo};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Either, Executor, Postgres, Row as _, SqlSafeStr,
    Statement as _, Type,
};

use super::postgres_values::{encode, value};
use super::{Chunk, RowSender, STREAM_CHUNK, Way, reading};
use crate::{Row, Value};

/// Which backend process serves a connection. The moment it began tells it from a later one with its number.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pid: i32,
    started: String,
    /// Whether it is no replica.
    pub(crate) takes_writes: bool,
}

/// Opens a connection and asks which process serves it.
pub(crate) async fn open(options: &PgConnectOptions) -> Result<(PgConnection, Backend), sqlx::Error> {
    let mut connection = options.connect().await?;
    let (pid, started, takes_writes) = sqlx::query_as(
        "select pid, backend_start::text, not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off' \
         from pg_stat_activity where pid = pg_backend_pid()",
    )
    .fetch_one(&mut connection)
    .await?;
    Ok((connection, Backend { pid, started, takes_writes }))
}

/// Opens a connection to a pooler, and asks whether the server behind it takes writes. Which process serves it changes with
/// every transaction.
pub(crate) async fn open_pooled(options: &PgConnectOptions) -> Result<(PgConnection, bool), sqlx::Error> {
    let mut connection = options.connect().await?;
    // Without parameters, so that nothing is prepared.
    let row = connection
        .fetch_one("select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'")
        .await?;
    let takes_writes = row.try_get(0)?;
    Ok((connection, takes_writes))
}

/// Stops what a backend is doing, over a connection of its own.
pub(crate) async fn cancel(options: &PgConnectOptions, backend: &Backend) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query(
        "select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and backend_start::text = $2",
    )
    .bind(backend.pid)
    .bind(&backend.started)
    .execute(&mut connection)
    .await?;
    sqlx::Connection::close(connection).await
}

pub(crate) async fn run(connection: &mut PgConnection, sql: Arc<str>) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
}

reading!(PgConnection, PgRow);

/// Encodes each value as the type that the server infers for its place.
///
/// The types must come from the server: it keeps those of the first call for a text, whatever a later call binds.
async fn arguments(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    values: &[&Value],
    prepared: bool,
) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    if values.is_empty() {
        return Ok(arguments);
    }
    arguments.reserve(values.len(), 0);
    if !prepared {
        for value in values {
            let wanted = own_type(value);
            let bytes = encode(value, &wanted).map_err(|error| sqlx::Error::Encode(error.into()))?;
            arguments.add(Encoded { bytes, wanted }).map_err(sqlx::Error::Encode)?;
        }
        return Ok(arguments);
    }
    let statement = connection.prepare_with(AssertSqlSafe(Arc::clone(sql)).into_sql_str(), &[]).await?;
    let Some(Either::Left(types)) = statement.parameters() else {
        return Err(sqlx::Error::Protocol("the server does not say which parameters it expects".into()));
    };
    for (value, wanted) in values.iter().zip(types) {
        let bytes = encode(value, wanted).map_err(|error| sqlx::Error::Encode(error.into()))?;
        arguments.add(Encoded { bytes, wanted: wanted.clone() }).map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// The type that a value has by itself, where the server is not asked for the one that its place has.
fn own_type(value: &Value) -> PgTypeInfo {
    match value {
        // The server says.
        Value::Null => PgTypeInfo::with_oid(Oid(0)),
        Value::Bool(_) => <bool as Type<Postgres>>::type_info(),
        Value::Integer(_) => <i64 as Type<Postgres>>::type_info(),
        Value::Real(_) => <f64 as Type<Postgres>>::type_info(),
        Value::Text(_) => <String as Type<Postgres>>::type_info(),
        Value::Bytes(_) => <Vec<u8> as Type<Postgres>>::type_info(),
        Value::List(values) => match values.iter().find(|value| **value != Value::Null) {
            Some(Value::Bool(_)) => <Vec<bool> as Type<Postgres>>::type_info(),
            Some(Value::Integer(_)) => <Vec<i64> as Type<Postgres>>::type_info(),
            Some(Value::Real(_)) => <Vec<f64> as Type<Postgres>>::type_info(),
            Some(Value::Bytes(_)) => <Vec<Vec<u8>> as Type<Postgres>>::type_info(),
            _ => <Vec<String> as Type<Postgres>>::type_info(),
        },
    }
}

/// Begins the transaction of a statement that needs one for itself.
pub(crate) async fn open_frame(connection: &mut PgConnection, way: Way) -> Result<(), sqlx::Error> {
    if way == Way::UnnamedAlone {
        connection.execute("BEGIN").await?;
    }
    Ok(())
}

/// Ends it.
pub(crate) async fn close_frame<T>(
    connection: &mut PgConnection,
    way: Way,
    result: Result<T, sqlx::Error>,
) -> Result<T, sqlx::Error> {
    if way == Way::UnnamedAlone {
        connection.execute(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    }
    result
}

/// A value in the binary form of its type; `None` is NULL.
struct Encoded {
    bytes: Option<Vec<u8>>,
    wanted: PgTypeInfo,
}

impl Type<Postgres> for Encoded {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("text")
    }
}

impl Encode<'_, Postgres> for Encoded {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(match &self.bytes {
            None => IsNull::Yes,
            Some(bytes) => {
                buffer.extend_from_slice(bytes);
                IsNull::No
            }
        })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.wanted.clone())
    }
}

/// The row of a `COPY` that the server's message speaks of, from 0.
pub(crate) fn copy_line(error: &sqlx::Error) -> Option<usize> {
    let context: Cow<'_, str> = match error {
        sqlx::Error::Database(error) => {
            error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?.r#where()?.into()
        }
        _ => return None,
    };
    let (_, rest) = context.rsplit_once(", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse::<usize>().ok()?.checked_sub(1)
}
