//! Many rows at once: inserted, upserted, updated or deleted by the fastest way that each database has, and the search
//! for the rows it refuses.
//!
//! | | inserts | upserts, updates, deletes |
//! |---|---|---|
//! | Postgres | `COPY` in its binary form where every cell is what its column stores, else as text; up to 2000 rows, or 128 KiB, one `INSERT` from arrays | one statement from arrays (`unnest`) |
//! | MySQL, MariaDB | `VALUES` of up to 2000 rows, 20,000 values and half a packet | the same; updates of up to 200 rows a statement |
//! | SQLite | `VALUES` of up to 1000 rows and 6000 values | the same |
//!
//! Values travel beside the text, names in quotes. Everything is one transaction, unless each chunk is to be one.

mod builder;
mod load;
#[cfg(feature = "mysql")]
mod mysql;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod progress;
mod report;
mod run;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;
mod target;
mod to_row;

pub use builder::{Bulk, BulkTable};
pub(crate) use load::{Refusals, load};
pub(crate) use plan::upsert;
pub use progress::{BulkProgress, BulkSnapshot};
pub use report::{BulkReport, Loaded, RejectedRow, refused_row};
pub use source::{IntoRows, Rows, kind};
pub(crate) use tables::Tables;
pub(crate) use target::{Change, Target};
pub use to_row::{ToCell, ToRow};
