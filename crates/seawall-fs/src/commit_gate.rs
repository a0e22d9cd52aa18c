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
    passing: Mutex<Passing>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Passing {
    paths: HashSet<PathBuf>,
    /// How many threads wait for one of them: hardly ever any, and waking nobody is a system call all the same.
    waiting: usize,
}

impl CommitGate {
    /// Waits until no other replacement of `path` is passing. Blocks the thread.
    pub(crate) fn enter<'a>(&'a self, path: &'a Path) -> Passage<'a> {
        let mut passing = self.lock();
        while passing.paths.contains(path) {
            passing.waiting += 1;
            passing = self.freed.wait(passing).unwrap_or_else(PoisonError::into_inner);
            passing.waiting -= 1;
        }
        passing.paths.insert(path.to_owned());
        Passage { gate: self, path }
    }

    fn lock(&self) -> MutexGuard<'_, Passing> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut passing = self.gate.lock();
        passing.paths.remove(self.path);
        if passing.waiting > 0 {
            self.gate.freed.notify_all();
        }
    }
}
