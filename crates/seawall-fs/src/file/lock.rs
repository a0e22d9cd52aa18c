use std::fs::TryLockError;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use tokio::time::{Instant, sleep, sleep_until};

use super::open::OpenFile;
use crate::fault::Fault;
use crate::work::Task;
use crate::{File, Fs, OpenOptions, Operation};

/// The first wait for a lock that is held, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

impl Fs {
    /// Takes an exclusive lock by means of a file that is made for it, and waits until it is free or the deadline of
    /// the context passes.
    ///
    /// The file stays when the lock is released: removing it would let two in, one holding the removed file and one a
    /// new one.
    ///
    /// # Errors
    /// As [`File::lock`], and when the file cannot be opened.
    ///
    /// # Cancel safety
    /// Cancel safe: no lock is held.
    pub async fn lock_file(&self, path: impl AsRef<Path>) -> Result<FileLock, Error> {
        let file = self.open(path, OpenOptions::new().write(true).create(true)).await?;
        file.lock(LockKind::Exclusive).await
    }
}

impl File {
    /// Locks the file, and waits until no other open file holds a lock that excludes it, or the deadline of the context
    /// passes. Without a deadline it waits as long as that takes.
    ///
    /// Locks are advisory: they hold back only those who lock too. They belong to the open file, so handles made by
    /// [`try_clone`](Self::try_clone) share them, and another [`Fs::open`] of the same path does not, in this process
    /// as in others.
    ///
    /// Waiting asks again and again, every millisecond at first and every 50 ms later, because the system's own wait
    /// would hold a thread that nobody can call back, and then take the lock for a caller who has gone.
    ///
    /// # Errors
    /// When the deadline passes, when a lock is held through this open file already, or the file system has no locks.
    ///
    /// # Cancel safety
    /// Cancel safe: no lock is held.
    pub async fn lock(&self, kind: LockKind) -> Result<FileLock, Error> {
        let mut wait = WAITS.0;
        let mut found_locked = false;
        loop {
            match self.try_lock(kind).await {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => found_locked = true,
                // However late it was looked at, the time went by while somebody else had the lock.
                Err(_) if found_locked && is_past(deadline()) => return Err(self.locked_by_another()),
                Err(error) => return Err(error),
            }
            match deadline().filter(|deadline| *deadline <= Instant::now() + wait) {
                Some(deadline) => {
                    sleep_until(deadline).await;
                    return Err(self.locked_by_another());
                }
                None => sleep(wait).await,
            }
            wait = (wait * 2).min(WAITS.1);
        }
    }

    fn locked_by_another(&self) -> Error {
        let label = self.open.label(Operation::Lock);
        label.error(FailureKind::Timeout, "locked by somebody else").not_executed()
    }

    /// Locks the file if that is possible at once.
    ///
    /// # Errors
    /// When a lock is held through this open file already, or the file system has no locks.
    ///
    /// # Cancel safety
    /// Cancel safe: no lock is held.
    pub async fn try_lock(&self, kind: LockKind) -> Result<Option<FileLock>, Error> {
        let open = Arc::clone(&self.open);
        self.open.ask(Operation::Lock, move |_: &Task<'_>| FileLock::take(&open, kind)).await
    }
}

fn deadline() -> Option<Instant> {
    CallContext::current_deadline().map(Instant::from)
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// Who else may hold a lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockKind {
    /// Others who hold a shared one: for who reads.
    Shared,
    /// Nobody: for who writes.
    Exclusive,
}

/// A lock on a file, released when dropped; made by [`File::lock`].
///
/// It keeps the file open. Releasing is one call to the system that waits for nobody; on a network file system it may
/// take a round trip, and [`unlock`](Self::unlock) makes it on a thread.
#[derive(Debug)]
#[must_use = "dropping it releases the lock"]
pub struct FileLock {
    open: Arc<OpenFile>,
}

impl FileLock {
    /// Releases the lock and says whether that worked.
    ///
    /// # Errors
    /// When the system cannot release it. It is free when the file is closed.
    ///
    /// # Cancel safety
    /// Dropped under way, it is released all the same.
    pub async fn unlock(self) -> Result<(), Error> {
        let open = Arc::clone(&self.open);
        self.open.ask(Operation::Unlock, move |_: &Task<'_>| Ok(open.file().unlock()?)).await
    }

    fn take(open: &Arc<OpenFile>, kind: LockKind) -> Result<Option<Self>, Fault> {
        if open.locked.swap(true, Ordering::AcqRel) {
            return Err(Fault::invalid("a lock is held through this open file already"));
        }
        // From here on dropping it gives it back: the answer may never reach its caller.
        let lock = Self { open: Arc::clone(open) };
        let locked = match kind {
            LockKind::Shared => open.file().try_lock_shared(),
            LockKind::Exclusive => open.file().try_lock(),
        };
        match locked {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(cause.into()),
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // It can fail only for files that cannot be locked either.
        let _unlocked = self.open.file().unlock();
        self.open.locked.store(false, Ordering::Release);
    }
}
