use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// How far a transfer is, or several together, counted while they go; read it from any task with
/// [`snapshot`](Self::snapshot).
#[derive(Debug, Default)]
pub struct TransferProgress {
    bytes: AtomicU64,
    expected: AtomicU64,
    resumed: AtomicU64,
}

/// A [`TransferProgress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TransferSnapshot {
    /// Bytes that are there: those of an earlier run that were kept count too.
    pub bytes: u64,
    /// Bytes that there will be, as far as the servers have said so yet.
    pub expected: u64,
    /// How often a transfer broke and was taken up again.
    pub resumed: u64,
}

impl TransferProgress {
    /// The counts as they are now.
    pub fn snapshot(&self) -> TransferSnapshot {
        TransferSnapshot {
            bytes: self.bytes.load(Relaxed),
            expected: self.expected.load(Relaxed),
            resumed: self.resumed.load(Relaxed),
        }
    }

    pub(super) fn resumed(&self) {
        self.resumed.fetch_add(1, Relaxed);
    }
}

/// What one attempt has counted: taken back when it is dropped, unless it was worth something.
#[derive(Debug)]
pub(super) struct Counted {
    progress: Arc<TransferProgress>,
    expected: u64,
    bytes: AtomicU64,
    kept: AtomicBool,
}

impl Counted {
    pub(super) fn new(progress: Arc<TransferProgress>, bytes: u64, expected: u64) -> Self {
        progress.bytes.fetch_add(bytes, Relaxed);
        progress.expected.fetch_add(expected, Relaxed);
        Self { progress, expected, bytes: AtomicU64::new(bytes), kept: AtomicBool::new(false) }
    }

    pub(super) fn progress(&self) -> &TransferProgress {
        &self.progress
    }

    pub(super) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.progress.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn keep(&self) {
        self.kept.store(true, Relaxed);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.kept.load(Relaxed) {
            self.progress.bytes.fetch_sub(self.bytes.load(Relaxed), Relaxed);
            self.progress.expected.fetch_sub(self.expected, Relaxed);
        }
    }
}
