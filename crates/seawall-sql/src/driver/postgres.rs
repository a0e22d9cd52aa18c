use std::borrow::Cow;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnectOptions, PgConnection, PgRow, PgTypeInfo};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Either, Executor, Postgres, Row as _, SqlSafeStr,
    Statement as _, Type, query_with,
};

use super::postgres_values::{encode, value};
use super::{Chunk, Known, RowSender, STREAM_CHUNK, reading};
use crate::{Row, Value};

/// Which backend process serves a connection. The moment it began tells it from a later one with its number.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pid: i32,
    started: String,
}

/// What there is to know of a connection that was opened.
pub(crate) struct Opened {
    /// Whether the server is no replica.
    pub(crate) takes_writes: bool,
    /// Whether it has the limit on statements that it was to have. It has its own otherwise.
    pub(crate) is_limited: bool,
    /// What has to be told to stop, if the server does not stop by itself when its client is gone.
    pub(crate) backend: Option<Backend>,
}

/// Opens a connection, limits its statements to so many milliseconds, and asks what serves it, all in one round trip.
///
/// A server that can is told to look for its client twenty times a second while it computes: what was abandoned stops
/// when its connection is closed then, and nobody has to log in to say so, which takes long where much is abandoned.
/// That is what servers on Linux can, from version 14 on.
/// <https://www.postgresql.org/docs/current/runtime-config-connection.html>
pub(crate) async fn open(
    options: &PgConnectOptions,
    limit: Option<i32>,
) -> Result<(PgConnection, Opened), sqlx::Error> {
    let mut connection = options.connect().await?;
    let limited = match limit {
        Some(limit) => format!(
            "case when current_setting('statement_timeout') = '0' \
             then set_config('statement_timeout', '{limit}', false) end is not null"
        ),
        None => String::from("false"),
    };
    let setting = "client_connection_check_interval";
    // As text: nothing has to be prepared for that.
    let ask = format!(
        "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off', {limited}, \
         case when version() like '%linux%' and current_setting('{setting}', true) = '0' \
         then set_config('{setting}', '50ms', false) end is not null"
    );
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(ask))).await?;
    let (takes_writes, is_limited, misses_its_client) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let backend = if misses_its_client { None } else { Some(backend(&mut connection).await?) };
    Ok((connection, Opened { takes_writes, is_limited, backend }))
}

async fn backend(connection: &mut PgConnection) -> Result<Backend, sqlx::Error> {
    let ask = "select pid, backend_start::text from pg_stat_activity where pid = pg_backend_pid()";
    let (pid, started) = sqlx::query_as(ask).fetch_one(connection).await?;
    Ok(Backend { pid, started })
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

/// How many rows a statement changed.
pub(crate) async fn execute(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    values: &[&Value],
    prepared: bool,
    known: &mut Known,
) -> Result<u64, sqlx::Error> {
    let at_hand = at_hand(sql, values, prepared, known)?;
    let arguments = match at_hand {
        Some(arguments) => arguments,
        None => Box::pin(asked(connection, sql, values, Some(&mut *known))).await?,
    };
    let text = known.postgres.of(sql).map_or(sql, |statement| &statement.sql);
    let query = query_with(AssertSqlSafe(Arc::clone(text)), arguments).persistent(prepared);
    let changed = query.execute(connection).await.inspect_err(|_| known.postgres.forget(sql))?;
    Ok(changed.rows_affected())
}

/// All rows of a statement, or its first one only.
pub(crate) async fn fetch(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    values: &[&Value],
    first_only: bool,
    prepared: bool,
    known: &mut Known,
) -> Result<Vec<Row>, sqlx::Error> {
    let at_hand = at_hand(sql, values, prepared, known)?;
    let arguments = match at_hand {
        Some(arguments) => arguments,
        None => Box::pin(asked(connection, sql, values, Some(&mut *known))).await?,
    };
    let text = known.postgres.of(sql).map_or(sql, |statement| &statement.sql);
    let query = query_with(AssertSqlSafe(Arc::clone(text)), arguments).persistent(prepared);
    if first_only {
        let row = query.fetch_optional(connection).await;
        let Some(row) = row.inspect_err(|_| known.postgres.forget(sql))? else {
            return Ok(Vec::new());
        };
        return Ok(vec![match known.postgres.of(sql) {
            Some(statement) => read(&row, statement.columns(&row))?,
            None => read(&row, &columns(&row))?,
        }]);
    }
    let rows = query.fetch_all(connection).await;
    let rows: Vec<PgRow> = rows.inspect_err(|_| known.postgres.forget(sql))?;
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let columns = match known.postgres.of(sql) {
        Some(statement) => Arc::clone(statement.columns(first)),
        None => columns(first),
    };
    rows.iter().map(|row| read(row, &columns)).collect()
}

/// Encodes each value as the type that the server infers for its place.
async fn arguments(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    values: &[&Value],
    prepared: bool,
) -> Result<PgArguments, sqlx::Error> {
    match at_hand(sql, values, prepared, &mut Known::default())? {
        Some(arguments) => Ok(arguments),
        None => asked(connection, sql, values, None).await,
    }
}

/// The same without asking the server, where it said so before, or is not to be asked.
fn at_hand(
    sql: &Arc<str>,
    values: &[&Value],
    prepared: bool,
    known: &mut Known,
) -> Result<Option<PgArguments>, sqlx::Error> {
    if !prepared {
        let types: Vec<PgTypeInfo> = values.iter().map(|value| own_type(value)).collect();
        return encoded(values, &types).map(Some);
    }
    if let Some(statement) = known.postgres.of(sql) {
        return encoded(values, &statement.types).map(Some);
    }
    if values.is_empty() {
        known.postgres.learn(sql, &[]);
        return Ok(Some(PgArguments::default()));
    }
    Ok(None)
}

/// The same of a statement that is not known yet. The types must come from the server: it keeps those of the first call for
/// a text, whatever a later call binds.
async fn asked(
    connection: &mut PgConnection,
    sql: &Arc<str>,
    values: &[&Value],
    known: Option<&mut Known>,
) -> Result<PgArguments, sqlx::Error> {
    let statement = connection.prepare_with(AssertSqlSafe(Arc::clone(sql)).into_sql_str(), &[]).await?;
    let Some(Either::Left(types)) = statement.parameters() else {
        return Err(sqlx::Error::Protocol("the server does not say which parameters it expects".into()));
    };
    if let Some(known) = known {
        known.postgres.learn(sql, types);
    }
    encoded(values, types)
}

fn encoded(values: &[&Value], types: &[PgTypeInfo]) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    if !values.is_empty() {
        // Most are a number.
        arguments.reserve(values.len(), 16 * values.len());
    }
    for (value, wanted) in values.iter().zip(types) {
        arguments.add(Encoded { value, wanted }).map_err(sqlx::Error::Encode)?;
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
pub(crate) async fn open_frame(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN").await.map(drop)
}

/// Ends it.
pub(crate) async fn close_frame<T>(
    connection: &mut PgConnection,
    result: Result<T, sqlx::Error>,
) -> Result<T, sqlx::Error> {
    connection.execute(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}

/// A value in the binary form of the type that is wanted.
struct Encoded<'a> {
    value: &'a Value,
    wanted: &'a PgTypeInfo,
}

impl Type<Postgres> for Encoded<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("text")
    }
}

impl Encode<'_, Postgres> for Encoded<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(if encode(self.value, self.wanted, buffer)? { IsNull::No } else { IsNull::Yes })
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
