use std::error::Error as StdError;
use std::fmt;

use seawall_core::{Error, FailureKind};

use crate::classify;

/// What became of a batch that [`Transaction::bulk_insert`](crate::Transaction::bulk_insert) loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// How many of its rows the database took.
    pub rows: u64,
    /// How many rows of the table were changed by that.
    pub changed: u64,
    /// Those that the database refused, in the order of the batch.
    pub rejected: Vec<RejectedRow>,
}

/// A row that the database refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Its place among the rows, from 0.
    pub row: usize,
    /// Why, in the database's words.
    pub reason: String,
}

/// What became of the rows of a [`Bulk`](crate::Bulk).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkReport {
    /// How many rows the database took.
    pub rows: u64,
    /// How many rows of the table were inserted, updated or deleted by that: fewer where a key was not found or a
    /// conflict left alone. MySQL does not tell what an upsert does: there it is every row.
    pub changed: u64,
    /// Those that the database refused, in order; only of a load that commits
    /// [each chunk](crate::Bulk::commit_each_chunk).
    pub rejected: Vec<RejectedRow>,
    /// In how many chunks they went.
    pub chunks: u64,
}

/// The row that the database refused, by its place among the rows from 0, if that is why a [`Bulk`](crate::Bulk) failed.
pub fn refused_row(error: &Error) -> Option<u64> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<RefusedRow>() {
            return Some(refused.row);
        }
        cause = error.source();
    }
    None
}

/// The error of a load of which nothing remains because of one row.
pub(super) fn refused(name: &str, row: u64, source: sqlx::Error) -> Error {
    Error::new(FailureKind::Permanent, "sql", name.to_owned())
        .with_message("nothing was changed")
        .with_source(RefusedRow { row, source })
        .not_executed()
}

#[derive(Debug)]
struct RefusedRow {
    row: u64,
    source: sqlx::Error,
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} (from 0) was refused: {}", self.row, classify::words(&self.source))
    }
}

impl StdError for RefusedRow {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}
