#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(
        dead_code,
        unused_variables,
        reason = "what one database needs is not cut out of builds without it"
    )
)]

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!(
    "seawall-sql needs a database: enable the feature `sqlite`, `postgres` or `mysql`, or several"
);

mod bulk;
mod classify;
mod client;
mod clock;
mod config;
mod database;
mod deserialize;
mod driver;
mod endpoint;
mod fast_path;
mod from_value;
mod health;
mod list;
mod migrate;
mod named;
mod pool;
mod query;
mod query_cache;
mod replicas;
mod row;
mod rows;
mod schema;
mod statement;
mod stream;
mod table;
mod telemetry;
mod transaction;
mod value;

pub use bulk::{
    Bulk, BulkProgress, BulkReport, BulkSnapshot, BulkTable, IntoRows, Loaded, RejectedRow, Rows, ToCell,
    ToRow, kind, refused_row,
};
pub use classify::{SqlClassifier, is_unique_violation};
pub use client::Sql;
pub use config::{PoolConfig, Pooler, Role, SqlConfig, SqliteConfig, Synchronous};
pub use driver::Connection;
pub use endpoint::check_scheme;
pub use from_value::FromValue;
pub use health::{HealthState, SqlHealth};
pub use list::ListElement;
pub use migrate::Migrations;
pub use pool::{PoolMonitor, PoolStats, SqlStats};
pub use query::{Execute, Query};
pub use query_cache::QueryCacheConfig;
pub use replicas::{ReplicaStats, ReplicaUrl, ReplicasConfig, WriteToken};
pub use row::{ColumnIndex, FromRow, Row};
pub use rows::{Cell, RowBatch};
pub use schema::quote_table;
/// How long rows are kept, and by which names they are ended: see [`Query::cached`].
pub use seawall_cache::{Tags, Ttl};
/// ```
/// use seawall_core::Error;
/// use seawall_sql::{Sql, Transaction, transaction};
///
/// struct Accounts {
///     sql: Sql,
/// }
///
/// impl Accounts {
///     #[transaction(on = self.sql, isolation = "serializable", retries = 5, timeout = "2s")]
///     async fn transfer(&self, tx: &mut Transaction, from: i64, to: i64, amount: i64) -> Result<(), Error> {
///         let change = "update account set balance = balance + :change where id = :id";
///         tx.execute(change).bind("change", -amount).bind("id", from).await?;
///         tx.execute(change).bind("change", amount).bind("id", to).await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # let sql = Sql::connect("sqlite::memory:", &Default::default(), std::sync::Arc::new(())).await?;
/// sql.execute("create table account (id integer primary key, balance integer)").await?;
/// sql.execute("insert into account values (1, 100), (2, 0)").await?;
/// let accounts = Accounts { sql: sql.clone() };
/// accounts.transfer(1, 2, 30).await?;
///
/// let balances: Vec<(i64,)> = sql.query("select balance from account order by id").fetch_all().await?;
/// assert_eq!(balances, [(70,), (30,)]);
/// # Ok(()) }
/// ```
#[cfg(feature = "macros")]
pub use seawall_macros::transaction;
/// The drivers, for [`Sql::with_connection`].
pub use sqlx;
pub use statement::{Action, Reply, Statement};
pub use stream::RowStream;
pub use table::{Column, ColumnType, TableSchema};
pub use telemetry::{SlowQueriesConfig, SlowQuery};
pub use transaction::{
    ALREADY_COMMITTED, COMMIT_UNKNOWN, IDEMPOTENCY_TABLE, Isolation, Transaction, TransactionBuilder,
    TransactionMode,
};
pub use value::Value;
