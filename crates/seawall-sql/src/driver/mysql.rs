use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{Arguments, AssertSqlSafe, Column, ConnectOptions, Executor, Row as _};

use super::mysql_values::value;
use super::{Chunk, RowSender, STREAM_CHUNK, answering, binding, reading};
use crate::{Row, Value};

/// What every session is set to, beside what the server is set to anyway. A backslash must mean what the reader of
/// named parameters took it for, `||` what it means everywhere else, and a value that does not fit must be refused
/// rather than cut.
const SESSION: &str = "SET sql_mode = CONCAT(REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', ''), \
                       ',PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION,STRICT_TRANS_TABLES')";

/// The statement cannot be prepared. <https://dev.mysql.com/doc/refman/8.4/en/sql-prepared-statements.html>
const NOT_PREPARABLE: u16 = 1295;

/// Which thread of which server serves a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    thread: u64,
    /// MariaDB goes its own ways: in names of settings, and in what telemetry calls it.
    pub(crate) is_mariadb: bool,
    /// Whether it is no replica.
    pub(crate) takes_writes: bool,
}

/// Opens a connection, sets its session and asks which thread serves it.
pub(crate) async fn open(options: &MySqlConnectOptions) -> Result<(MySqlConnection, Backend), sqlx::Error> {
    let mut connection = options.connect().await?;
    connection.execute(SESSION).await?;
    let (thread, version, read_only): (u64, String, i64) = sqlx::query_as(
        "select cast(connection_id() as unsigned), version(), cast(@@global.read_only as signed)",
    )
    .fetch_one(&mut connection)
    .await?;
    let is_mariadb = version.contains("MariaDB");
    Ok((connection, Backend { thread, is_mariadb, takes_writes: read_only == 0 }))
}

/// Ends a thread and what it is doing, over a connection of its own. A server that computes does not notice by itself
/// that nobody listens any more.
pub(crate) async fn cancel(options: &MySqlConnectOptions, backend: Backend) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    connection.execute(AssertSqlSafe(format!("KILL {}", backend.thread))).await?;
    sqlx::Connection::close(connection).await
}

pub(crate) async fn run(connection: &mut MySqlConnection, sql: Arc<str>) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
}

/// As [`execute`]; a statement that cannot be prepared goes as text.
pub(crate) async fn change(
    connection: &mut MySqlConnection,
    sql: Arc<str>,
    values: &[&Value],
) -> Result<u64, sqlx::Error> {
    match execute(connection, Arc::clone(&sql), values, true).await {
        Err(error) if values.is_empty() && number(&error) == Some(NOT_PREPARABLE) => {
            connection.execute(AssertSqlSafe(sql)).await.map(|done| done.rows_affected())
        }
        result => result,
    }
}

/// The number of an error of the server's.
pub(crate) fn number(error: &sqlx::Error) -> Option<u16> {
    match error {
        sqlx::Error::Database(error) => error.try_downcast_ref().map(MySqlDatabaseError::number),
        _ => None,
    }
}

answering!(MySqlConnection, MySqlRow);

reading!(MySqlConnection, MySqlRow);

binding!(MySqlConnection, MySqlArguments);
