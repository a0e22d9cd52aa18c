use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Fs;

impl Fs {
    /// What was taken over by writers that were dropped, and could not be written in the background.
    ///
    /// A client made by [`layer`](Self::layer) counts together with the one it was made from. Each failed write is
    /// told to the observer of the stack, too.
    pub fn losses(&self) -> Losses {
        let LossCounter(counters) = self.loss_counter();
        Losses {
            writers: counters.writers.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
        }
    }
}

/// Bytes that were lost since nobody asked for them to be written any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// How many files or writers lost some.
    pub writers: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Counts losses.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossCounter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    writers: AtomicU64,
    bytes: AtomicU64,
}

impl LossCounter {
    /// Counts the loss of one writer, if it is one.
    pub(crate) fn count(&self, bytes: usize) {
        if bytes > 0 {
            self.0.writers.fetch_add(1, Ordering::Relaxed);
            self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}
