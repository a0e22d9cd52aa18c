use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use seawall_core::Error;

use super::source::{IntoRows, Limits, Rows};
use crate::{BulkProgress, BulkReport, Sql, TableSchema, Transaction};

/// Many rows on their way to a table: made by [`Sql::insert_many`], [`Sql::upsert_many`], [`Sql::update_many`] and
/// [`Sql::delete_many`], and by the same of a [`Transaction`]. It is done when awaited.
///
/// | what | default | |
/// |---|---|---|
/// | [`columns`](Self::columns) | all that are not generated | which columns the cells of a row are |
/// | [`update`](Self::update) | all but the key | what an upsert changes of a row that is there |
/// | [`chunk_rows`](Self::chunk_rows) | 10,000 | rows that are in memory at a time, twice |
/// | [`chunk_bytes`](Self::chunk_bytes) | 4 MiB | the same in bytes |
/// | [`commit_each_chunk`](Self::commit_each_chunk) | no | whether each chunk is a transaction of its own |
/// | [`max_rejected`](Self::max_rejected) | 1000 | how many rows may be refused, where that is no error |
/// | [`progress`](Self::progress) | none | where it is counted how far it is |
///
/// While one chunk is on its way the next is taken from the rows, and no more: a stream is not asked for more than the
/// database takes. A chunk is sent when it is full, or when the rows end.
///
/// # All or nothing
/// Everything is one transaction. A row that the database refuses is the error of the whole, which says which one it
/// was ([`refused_row`](crate::refused_row)), and nothing is changed. Where all rows fit into one chunk, it is run again
/// after a serialization failure, a deadlock or a connection that broke before the `COMMIT`, as
/// [`Sql::transaction`] does it. Rows that were taken from a stream are gone: with more than one chunk nothing is run
/// again. A commit whose answer was lost is [`COMMIT_UNKNOWN`](crate::COMMIT_UNKNOWN), and is not repeated.
///
/// # Cancel safety
/// Dropped, it leaves nothing, unless its `COMMIT` was under way already, or it commits each chunk.
#[must_use = "nothing is done until it is awaited"]
#[derive(Debug)]
pub struct Bulk<'a> {
    pub(super) place: Place<'a>,
    pub(super) table: BulkTable<'a>,
    pub(super) kind: Kind,
    pub(super) columns: Option<Vec<String>>,
    pub(super) rows: Rows<'a>,
    pub(super) limits: Limits,
    pub(super) commit_each_chunk: bool,
    pub(super) max_rejected: usize,
    pub(super) progress: Option<Arc<BulkProgress>>,
}

/// Where rows go.
#[derive(Debug)]
pub(super) enum Place<'a> {
    Client(&'a Sql),
    Transaction(&'a mut Transaction),
}

/// The table of a [`Bulk`]: its name, `schema.table` for one of a schema, or what [`Sql::table`] said of it, which saves
/// asking the database again.
#[derive(Clone, Copy, Debug)]
pub enum BulkTable<'a> {
    /// By its name.
    Named(&'a str),
    /// As it is known.
    Known(&'a TableSchema),
}

impl<'a> From<&'a str> for BulkTable<'a> {
    fn from(name: &'a str) -> Self {
        Self::Named(name)
    }
}

impl<'a> From<&'a TableSchema> for BulkTable<'a> {
    fn from(table: &'a TableSchema) -> Self {
        Self::Known(table)
    }
}

/// What is done with the rows.
#[derive(Debug)]
pub(super) enum Kind {
    Insert,
    Upsert { key: Vec<String>, update: Option<Vec<String>> },
    Update { key: Vec<String> },
    Delete { key: Vec<String> },
}

impl<'a> Bulk<'a> {
    pub(super) fn new(place: Place<'a>, table: BulkTable<'a>, kind: Kind, rows: Rows<'a>) -> Self {
        Self {
            place,
            table,
            kind,
            columns: None,
            rows,
            limits: Limits { rows: 10_000, bytes: 4 << 20 },
            commit_each_chunk: false,
            max_rejected: 1000,
            progress: None,
        }
    }

    /// Which columns the cells of a row are, in this order. For a delete they are those of its key.
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Which columns an upsert changes of a row that is there; with none, such rows are left alone. Has no meaning for
    /// anything else.
    pub fn update<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        if let Kind::Upsert { update, .. } = &mut self.kind {
            *update = Some(columns.into_iter().map(Into::into).collect());
        }
        self
    }

    /// How many rows a chunk has at most. Zero is taken for one.
    pub fn chunk_rows(mut self, rows: usize) -> Self {
        self.limits.rows = rows.max(1);
        self
    }

    /// How much memory a chunk takes at most, in bytes, the last of its rows aside. Zero is one row at a time.
    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes.max(1);
        self
    }

    /// Makes each chunk a transaction of its own, and leaves out the rows that the database refuses: the report names
    /// them. A chunk that was undone because somebody else was in the way is sent again. What was committed stays,
    /// whatever comes later. Within a [`Transaction`] the chunks are committed with it.
    pub fn commit_each_chunk(mut self) -> Self {
        self.commit_each_chunk = true;
        self
    }

    /// How many rows may be refused where that is [no error](Self::commit_each_chunk); with one more it ends.
    pub fn max_rejected(mut self, rows: usize) -> Self {
        self.max_rejected = rows;
        self
    }

    /// Counts how far it is.
    pub fn progress(mut self, progress: Arc<BulkProgress>) -> Self {
        self.progress = Some(progress);
        self
    }
}

/// # Errors
/// [`FailureKind::Permanent`](seawall_core::FailureKind::Permanent) for a table or column that is not there, a row that
/// has not as many cells as there are columns, or one that the database refuses; what the stream of rows failed with;
/// otherwise as any call.
impl<'a> IntoFuture for Bulk<'a> {
    type Output = Result<BulkReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|&column| column.to_owned()).collect()
}

/// The four of them, for whoever can do them.
macro_rules! entry_points {
    ($on:ty, $place:expr) => {
        /// Inserts rows, from an iterator or a stream, by the fastest way that the database has. See [`Bulk`].
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), seawall_core::Error> {
        /// # use std::sync::Arc;
        /// # use seawall_sql::{Sql, SqlConfig};
        /// # let sql = Sql::connect("sqlite::memory:", &SqlConfig::default(), Arc::new(())).await?;
        /// # sql.execute("create table users (id integer primary key, name text, mail text)").await?;
        /// let rows = (0..25_000).map(|id| (id, format!("user {id}")));
        /// let report = sql.insert_many("users", rows).columns(["id", "name"]).await?;
        /// assert_eq!(report.rows, 25_000);
        /// # Ok(()) }
        /// ```
        pub fn insert_many<'a, K>(
            self: $on,
            table: impl Into<BulkTable<'a>>,
            rows: impl IntoRows<'a, K>,
        ) -> Bulk<'a> {
            Bulk::new($place(self), table.into(), Kind::Insert, rows.into_rows())
        }

        /// Inserts rows, and updates those whose key is there already: `key` are the columns of a unique index. Of several
        /// rows with one key the last counts; on Postgres these cost more statements. MySQL takes any unique index for
        /// the key. See [`Bulk::update`].
        pub fn upsert_many<'a, K>(
            self: $on,
            table: impl Into<BulkTable<'a>>,
            key: &[&str],
            rows: impl IntoRows<'a, K>,
        ) -> Bulk<'a> {
            let kind = Kind::Upsert { key: names(key), update: None };
            Bulk::new($place(self), table.into(), kind, rows.into_rows())
        }

        /// Updates the rows of the table that have the same `key`: each row has the columns of the key and the new values
        /// of the others. A key that is not there changes nothing, and counts in no
        /// [`changed`](BulkReport::changed). One key twice among the rows is undefined.
        pub fn update_many<'a, K>(
            self: $on,
            table: impl Into<BulkTable<'a>>,
            key: &[&str],
            rows: impl IntoRows<'a, K>,
        ) -> Bulk<'a> {
            Bulk::new($place(self), table.into(), Kind::Update { key: names(key) }, rows.into_rows())
        }

        /// Deletes the rows of the table that have one of these keys: each row has the columns of `key` and no others.
        pub fn delete_many<'a, K>(
            self: $on,
            table: impl Into<BulkTable<'a>>,
            key: &[&str],
            keys: impl IntoRows<'a, K>,
        ) -> Bulk<'a> {
            Bulk::new($place(self), table.into(), Kind::Delete { key: names(key) }, keys.into_rows())
        }
    };
}

impl Sql {
    entry_points!(&'a Self, Place::Client);
}

/// The same within a transaction: what fails undoes all of its own rows and nothing else.
impl Transaction {
    entry_points!(&'a mut Self, Place::Transaction);
}
