use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use bytes::{Bytes, BytesMut};

use super::device;
use super::open::OpenFile;
use crate::fault::Fault;

/// Smaller pieces are copied together, because a slice for each costs more than that.
const SMALL: usize = 4096;

/// Bytes that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    chunks: VecDeque<Bytes>,
    small: BytesMut,
    bytes: usize,
}

impl Gathered {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        if bytes.len() < SMALL {
            return self.copy(&bytes);
        }
        self.cut();
        self.bytes += bytes.len();
        self.chunks.push_back(bytes);
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
        self.bytes += bytes.len();
    }

    pub(super) fn take(&mut self) -> VecDeque<Bytes> {
        self.cut();
        self.bytes = 0;
        std::mem::take(&mut self.chunks)
    }

    fn cut(&mut self) {
        if !self.small.is_empty() {
            self.chunks.push_back(self.small.split().freeze());
        }
    }
}

/// Bytes on their way to the device. What is written leaves it, so that after a failure the rest is here still, and
/// writing it once more writes nothing twice.
#[derive(Debug)]
pub(super) struct Batch {
    rest: Mutex<Rest>,
    bytes: AtomicUsize,
    failed: AtomicBool,
}

#[derive(Debug)]
struct Rest {
    offset: u64,
    chunks: VecDeque<Bytes>,
}

impl Batch {
    pub(super) fn new(offset: u64, chunks: VecDeque<Bytes>) -> Self {
        let bytes = AtomicUsize::new(chunks.iter().map(Bytes::len).sum());
        Self { rest: Mutex::new(Rest { offset, chunks }), bytes, failed: AtomicBool::new(false) }
    }

    /// Writes the rest and says where it ended. Blocks. A second attempt waits for the first.
    pub(super) fn write_to(&self, open: &OpenFile) -> Result<u64, Fault> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Rest { offset, chunks } = &mut *rest;
        let result = open
            .check()
            .and_then(|()| Ok(open.changing(|| device::write_out(open.file(), open.how, offset, chunks))?));
        self.bytes.store(chunks.iter().map(Bytes::len).sum(), Ordering::Release);
        self.failed.store(result.is_err(), Ordering::Release);
        result.map(|()| *offset)
    }

    /// An earlier failure is handled: whether it fails again, the next write shows.
    pub(super) fn begin_again(&self) {
        self.failed.store(false, Ordering::Release);
    }

    /// How many bytes are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Whether the device was asked and failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// What is not written yet; `None` while a thread is at it.
    pub(super) fn take(&self) -> Option<VecDeque<Bytes>> {
        let mut rest = match self.rest.try_lock() {
            Ok(rest) => rest,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.bytes.store(0, Ordering::Release);
        Some(std::mem::take(&mut rest.chunks))
    }
}
