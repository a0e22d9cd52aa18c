use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a long operation has got. A clone looks at the same operation: keep one and hand the other in.
///
/// The counts are for people; they may run behind what was done by an instant. Several operations that share one add
/// up.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    files: AtomicU64,
    directories: AtomicU64,
}

impl Progress {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of content done, those of files under way included.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Files and symbolic links done.
    pub fn files(&self) -> u64 {
        self.0.files.load(Ordering::Relaxed)
    }

    /// Directories done.
    pub fn directories(&self) -> u64 {
        self.0.directories.load(Ordering::Relaxed)
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes back what came to nothing.
    pub(crate) fn take_back_bytes(&self, bytes: u64) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_file(&self) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_directory(&self) {
        self.0.directories.fetch_add(1, Ordering::Relaxed);
    }
}
