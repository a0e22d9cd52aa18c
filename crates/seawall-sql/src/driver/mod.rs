//! The databases: one variant of [`Connection`] each, and what differs between them.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "mysql")]
mod mysql_values;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "postgres")]
mod postgres_arrays;
#[cfg(feature = "postgres")]
mod postgres_known;
#[cfg(feature = "postgres")]
mod postgres_values;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::named::Dialect;
use crate::{Action, Reply, Row, Value};

/// A connection of one of the databases, as sqlx has it; what
/// [`with_connection`](crate::Sql::with_connection) hands out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Connection {
    /// A connection to an SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection),
    /// A connection to a Postgres server.
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
    /// A connection to a MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlConnection),
}

/// How rows of a stream travel: a few at a time, so that the channel is not the cost.
pub(crate) type RowSender = mpsc::Sender<Result<Chunk, sqlx::Error>>;

/// Rows of a stream, and whether they are its last: a stream that ends without that broke off.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) rows: Vec<Row>,
    pub(crate) last: bool,
}

/// How many rows travel together in a stream.
const STREAM_CHUNK: usize = 64;

/// How a statement travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Prepared under a name of its own, to be used again.
    Prepared,
    /// Without a name, in the transaction that the session is in.
    Unnamed,
    /// Without a name, in a transaction for itself: behind a pooler, the next message may go to another server process.
    UnnamedAlone,
}

impl Way {
    fn is_prepared(self) -> bool {
        self == Self::Prepared
    }
}

/// What a session knows of the statements it has prepared, so that it need not ask for it.
#[derive(Default)]
pub(crate) struct Known {
    #[cfg(feature = "postgres")]
    pub(crate) postgres: postgres_known::KnownStatements,
}

/// Calls the same function of the variant's own module.
macro_rules! each {
    ($connection:expr, $inner:ident => sqlite $sqlite:expr, postgres $postgres:expr, mysql $mysql:expr) => {
        match $connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite($inner) => $sqlite,
            #[cfg(feature = "postgres")]
            Connection::Postgres($inner) => $postgres,
            #[cfg(feature = "mysql")]
            Connection::MySql($inner) => $mysql,
        }
    };
}

impl Connection {
    /// By whose rules it reads what it is sent.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => Dialect::MySql,
        }
    }

    /// Runs a text without parameters; also several statements.
    pub(crate) async fn run(&mut self, sql: Arc<str>) -> Result<(), sqlx::Error> {
        each!(self, c =>
            sqlite sqlite::run(c, sql).await,
            postgres postgres::run(c, sql).await,
            mysql mysql::run(c, sql).await)
    }

    /// What a statement that is answered as a whole comes to.
    pub(crate) async fn answer(
        &mut self,
        sql: &Arc<str>,
        values: &[&Value],
        action: Action,
        way: Way,
        known: &mut Known,
    ) -> Result<Reply, sqlx::Error> {
        if action == Action::Execute {
            return self.execute(sql, values, way, known).await.map(Reply::Changed);
        }
        self.fetch(sql, values, action == Action::FetchFirst, way, known).await.map(Reply::Rows)
    }

    /// How many rows a statement changed.
    async fn execute(
        &mut self,
        sql: &Arc<str>,
        values: &[&Value],
        way: Way,
        known: &mut Known,
    ) -> Result<u64, sqlx::Error> {
        each!(self, c =>
            sqlite {
                // Only Postgres has something to know.
                let _ = known;
                sqlite::execute(c, Arc::clone(sql), values, true).await
            },
            postgres {
                if way == Way::UnnamedAlone {
                    // In a box: hardly anybody needs it.
                    let framed = async {
                        postgres::open_frame(c).await?;
                        let done = postgres::execute(c, sql, values, way.is_prepared(), known).await;
                        postgres::close_frame(c, done).await
                    };
                    return Box::pin(framed).await;
                }
                postgres::execute(c, sql, values, way.is_prepared(), known).await
            },
            mysql mysql::change(c, Arc::clone(sql), values).await)
    }

    /// All rows of a statement, or its first one only.
    async fn fetch(
        &mut self,
        sql: &Arc<str>,
        values: &[&Value],
        first_only: bool,
        way: Way,
        known: &mut Known,
    ) -> Result<Vec<Row>, sqlx::Error> {
        each!(self, c =>
            sqlite {
                let _ = known;
                sqlite::fetch(c, Arc::clone(sql), values, first_only, true).await
            },
            postgres {
                if way == Way::UnnamedAlone {
                    // In a box: hardly anybody needs it.
                    let framed = async {
                        postgres::open_frame(c).await?;
                        let done = postgres::fetch(c, sql, values, first_only, way.is_prepared(), known).await;
                        postgres::close_frame(c, done).await
                    };
                    return Box::pin(framed).await;
                }
                postgres::fetch(c, sql, values, first_only, way.is_prepared(), known).await
            },
            mysql mysql::fetch(c, Arc::clone(sql), values, first_only, true).await)
    }

    /// The rows of a statement that is not worth remembering.
    pub(crate) async fn fetch_once(
        &mut self,
        sql: &str,
        values: &[&Value],
        first_only: bool,
        way: Way,
    ) -> Result<Vec<Row>, sqlx::Error> {
        self.fetch(&Arc::from(sql), values, first_only, way, &mut Known::default()).await
    }

    /// Sends the rows of a statement until they end, or until nobody receives them, which is `false`.
    pub(crate) async fn stream(
        &mut self,
        sql: Arc<str>,
        values: &[&Value],
        rows: &RowSender,
        way: Way,
    ) -> Result<bool, sqlx::Error> {
        each!(self, c =>
            sqlite sqlite::stream(c, sql, values, rows, true).await,
            postgres {
                if way != Way::UnnamedAlone {
                    return postgres::stream(c, sql, values, rows, way.is_prepared()).await;
                }
                postgres::open_frame(c).await?;
                let complete = postgres::stream(c, sql, values, rows, way.is_prepared()).await;
                postgres::close_frame(c, complete).await
            },
            mysql mysql::stream(c, sql, values, rows, true).await)
    }

    /// Makes sure that the other side answers.
    pub(crate) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        use sqlx::Connection as _;
        each!(self, c => sqlite c.ping().await, postgres c.ping().await, mysql c.ping().await)
    }

    /// Says goodbye and waits until the connection is closed.
    pub(crate) async fn close(self) -> Result<(), sqlx::Error> {
        use sqlx::Connection as _;
        each!(self, c => sqlite c.close().await, postgres c.close().await, mysql c.close().await)
    }
}

/// Generates `arguments` for a driver that takes values of any type and converts them itself.
#[cfg(any(feature = "mysql", feature = "sqlite"))]
macro_rules! binding {
    ($connection:ty, $arguments:ty) => {
        // Asynchronous because Postgres is asked which types it expects.
        async fn arguments(
            _: &mut $connection,
            _: &Arc<str>,
            values: &[&Value],
            _: bool,
        ) -> Result<$arguments, sqlx::Error> {
            let mut arguments = <$arguments>::default();
            arguments.reserve(values.len(), 0);
            for value in values {
                match value {
                    Value::Null => arguments.add(None::<i64>),
                    Value::Bool(value) => arguments.add(*value),
                    Value::Integer(value) => arguments.add(*value),
                    Value::Real(value) => arguments.add(*value),
                    Value::Text(value) => arguments.add(value.as_str()),
                    Value::Bytes(value) => arguments.add(value.as_slice()),
                    Value::List(_) => Err("a list can only stand in `in (:name)`".into()),
                }
                .map_err(sqlx::Error::Encode)?;
            }
            Ok(arguments)
        }
    };
}
#[cfg(any(feature = "mysql", feature = "sqlite"))]
use binding;

/// Generates `execute` and `fetch` for a driver whose module has `arguments` and is [`reading`].
#[cfg(any(feature = "mysql", feature = "sqlite"))]
macro_rules! answering {
    ($connection:ty, $row:ty) => {
        pub(crate) async fn execute(
            connection: &mut $connection,
            sql: Arc<str>,
            values: &[&Value],
            prepared: bool,
        ) -> Result<u64, sqlx::Error> {
            let arguments = arguments(connection, &sql, values, prepared).await?;
            let query = sqlx::query_with(sqlx::AssertSqlSafe(sql), arguments).persistent(prepared);
            Ok(query.execute(connection).await?.rows_affected())
        }

        pub(crate) async fn fetch(
            connection: &mut $connection,
            sql: Arc<str>,
            values: &[&Value],
            first_only: bool,
            prepared: bool,
        ) -> Result<Vec<Row>, sqlx::Error> {
            let arguments = arguments(connection, &sql, values, prepared).await?;
            let query = sqlx::query_with(sqlx::AssertSqlSafe(sql), arguments).persistent(prepared);
            let rows: Vec<$row> = if first_only {
                query.fetch_optional(connection).await?.into_iter().collect()
            } else {
                query.fetch_all(connection).await?
            };
            let Some(first) = rows.first() else { return Ok(Vec::new()) };
            let columns = columns(first);
            rows.iter().map(|row| read(row, &columns)).collect()
        }
    };
}
#[cfg(any(feature = "mysql", feature = "sqlite"))]
use answering;

/// The driver-independent half of reading rows: generates `stream`, `columns` and `read` for a driver whose module has
/// `arguments` and `value`.
macro_rules! reading {
    ($connection:ty, $row:ty) => {
        pub(crate) async fn stream(
            connection: &mut $connection,
            sql: Arc<str>,
            values: &[&Value],
            sender: &RowSender,
            prepared: bool,
        ) -> Result<bool, sqlx::Error> {
            let arguments = arguments(connection, &sql, values, prepared).await?;
            let query = sqlx::query_with(sqlx::AssertSqlSafe(sql), arguments).persistent(prepared);
            let mut rows = query.fetch(connection);
            let mut names: Option<Arc<[String]>> = None;
            let mut chunk = Vec::new();
            while let Some(row) = rows.try_next().await? {
                let names = names.get_or_insert_with(|| columns(&row));
                chunk.push(read(&row, names)?);
                if chunk.len() == STREAM_CHUNK {
                    let rows = std::mem::take(&mut chunk);
                    if sender.send(Ok(Chunk { rows, last: false })).await.is_err() {
                        return Ok(false);
                    }
                }
            }
            Ok(sender.send(Ok(Chunk { rows: chunk, last: true })).await.is_ok())
        }

        fn columns(row: &$row) -> Arc<[String]> {
            row.columns().iter().map(|column| column.name().to_owned()).collect()
        }

        fn read(row: &$row, columns: &Arc<[String]>) -> Result<Row, sqlx::Error> {
            let values = (0..columns.len())
                .map(|index| {
                    value(row.try_get_raw(index)?)
                        .map_err(|source| sqlx::Error::ColumnDecode { index: columns[index].clone(), source })
                })
                .collect::<Result<_, _>>()?;
            Ok(Row::new(Arc::clone(columns), values))
        }
    };
}
pub(crate) use reading;
