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
mod config;
mod database;
mod driver;
mod endpoint;
mod from_value;
mod named;
mod pool;
mod query;
mod row;
mod rows;
mod schema;
mod statement;
mod stream;
mod table;
mod transaction;
mod value;

pub use bulk::{Loaded, RejectedRow};
pub use classify::{SqlClassifier, is_unique_violation};
pub use client::Sql;
pub use config::{PoolConfig, SqlConfig, SqliteConfig, Synchronous};
pub use driver::Connection;
pub use from_value::FromValue;
pub use pool::{PoolStats, SqlStats};
pub use query::{Execute, Query};
pub use row::{ColumnIndex, FromRow, Row};
pub use rows::{Cell, RowBatch};
pub use schema::quote_table;
/// The drivers, for [`Sql::with_connection`].
pub use sqlx;
pub use statement::{Action, Reply, Statement};
pub use stream::RowStream;
pub use table::{Column, ColumnType, TableSchema};
pub use transaction::{COMMIT_UNKNOWN, Transaction};
pub use value::Value;
