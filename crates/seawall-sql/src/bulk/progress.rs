use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// How far a [`Bulk`](crate::Bulk) is, or several together, counted while they go; read it from any task with
/// [`snapshot`](Self::snapshot).
#[derive(Debug, Default)]
pub struct BulkProgress {
    rows: AtomicU64,
    committed: AtomicU64,
    rejected: AtomicU64,
}

/// A [`BulkProgress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BulkSnapshot {
    /// Rows that the database took. In one transaction they may still be undone.
    pub rows: u64,
    /// Those of them that are committed.
    pub committed: u64,
    /// Rows that the database refused.
    pub rejected: u64,
}

impl BulkProgress {
    /// The counts as they are now.
    pub fn snapshot(&self) -> BulkSnapshot {
        BulkSnapshot {
            rows: self.rows.load(Relaxed),
            committed: self.committed.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
        }
    }

    pub(super) fn loaded(&self, rows: u64, rejected: u64) {
        self.rows.fetch_add(rows, Relaxed);
        self.rejected.fetch_add(rejected, Relaxed);
    }

    pub(super) fn committed(&self, rows: u64) {
        self.committed.fetch_add(rows, Relaxed);
    }
}
