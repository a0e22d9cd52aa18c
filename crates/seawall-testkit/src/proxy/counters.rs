use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::faults::{Direction, FaultKind};

/// What the proxy saw and did, over all connections.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) open: AtomicU64,
    bytes: [AtomicU64; 2],
    faults: [AtomicU64; 7],
}

impl Counters {
    pub(super) fn bytes(&self, direction: Direction) -> &AtomicU64 {
        &self.bytes[direction as usize]
    }

    pub(super) fn faults(&self, kind: FaultKind) -> &AtomicU64 {
        &self.faults[kind as usize]
    }

    /// Counts a connection as open until the guard is dropped, however the connection ends.
    pub(super) fn opened(&self) -> Open<'_> {
        self.open.fetch_add(1, Relaxed);
        Open(&self.open)
    }
}

#[derive(Debug)]
pub(super) struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
