use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets one replacement of a file through at a time.
///
/// A caller that gives up cannot stop a rename the kernel has begun, but it can be certain that this rename
/// does not land on top of what is written next: the next replacement of the same file waits here until it
/// is over, and one that has not begun finds its caller gone and changes nothing.
#[derive(Debug, Default)]
pub(crate) struct CommitGate {
    busy: Mutex<HashSet<PathBuf>>,
    freed: Condvar,
}

impl CommitGate {
    /// Waits until no other replacement of `path` is passing. Blocks the thread.
    pub(crate) fn enter<'a>(&'a self, path: &'a Path) -> Passage<'a> {
        let mut busy = self.lock();
        while busy.contains(path) {
            busy = self.freed.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        busy.insert(path.to_owned());
        Passage { gate: self, path }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to replace one file; given back when dropped.
#[derive(Debug)]
pub(crate) struct Passage<'a> {
    gate: &'a CommitGate,
    path: &'a Path,
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.gate.lock().remove(self.path);
        self.gate.freed.notify_all();
    }
}
