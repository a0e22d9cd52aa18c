use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// Where a run stands, counted while it goes; read it from any task with [`snapshot`](Self::snapshot).
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) bytes: AtomicU64,
    pub(crate) bytes_expected: AtomicU64,
    /// Sources that have said how long they are, or have ended.
    pub(crate) sources_sized: AtomicU64,
    pub(crate) rows: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) sources: AtomicU64,
    pub(crate) sources_ended: AtomicU64,
    pub(crate) reconnects: AtomicU64,
}

/// A [`Progress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProgressSnapshot {
    /// Bytes read from all sources in this run, as they come: compressed ones count compressed.
    pub bytes: u64,
    /// Bytes that all sources hold together, once every one of them has said so.
    pub bytes_expected: Option<u64>,
    /// Rows committed in this run.
    pub rows: u64,
    /// Rows sent to the rejects file in this run.
    pub rejected: u64,
    /// Sources of the run.
    pub sources: u64,
    /// Sources that ended, well or not.
    pub sources_ended: u64,
    /// Transfers taken up again after they broke, and batches sent again after the database was away.
    pub reconnects: u64,
}

impl Progress {
    /// The counts as they are now.
    pub fn snapshot(&self) -> ProgressSnapshot {
        let sized = self.sources_sized.load(Relaxed) >= self.sources.load(Relaxed).max(1);
        ProgressSnapshot {
            bytes: self.bytes.load(Relaxed),
            bytes_expected: sized.then(|| self.bytes_expected.load(Relaxed)),
            rows: self.rows.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            sources: self.sources.load(Relaxed),
            sources_ended: self.sources_ended.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
        }
    }
}
