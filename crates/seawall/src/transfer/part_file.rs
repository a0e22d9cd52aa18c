//! The file that a download's bytes are gathered in, held by one download at a time.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use seawall_core::Error;
use seawall_fs::{File, FileLock, Fs, LockKind, OpenOptions};

/// The open file and the lock on it. Writes keep it until they are over, so nobody else begins while one of an abandoned
/// download may still land.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
    _lock: FileLock,
}

impl PartFile {
    /// Opens and locks the file, made if it is not there. `None` if somebody else holds it for longer than `patience`.
    pub(super) async fn open(fs: &Fs, path: &Path, patience: Duration) -> Result<Option<Self>, Error> {
        loop {
            let file = fs.open(path, OpenOptions::new().read(true).write(true).create(true)).await?;
            // Asking takes a thread, and so some time, even if nobody holds it: none of that is waiting.
            let lock = match file.try_lock(LockKind::Exclusive).await? {
                Some(lock) => lock,
                None => match tokio::time::timeout(patience, file.lock(LockKind::Exclusive)).await {
                    Ok(lock) => lock?,
                    Err(_elapsed) => return Ok(None),
                },
            };
            let held = Self { _lock: lock, file };
            // Whoever held it before us may have put it in its target's place: then it is no longer ours to write.
            if held.is_at(fs, path).await {
                return Ok(Some(held));
            }
        }
    }

    /// Writes bytes that follow each other.
    pub(super) async fn write(&self, position: u64, bytes: Vec<Bytes>) -> Result<(), Error> {
        self.file.write_vectored_at(position, bytes).await
    }

    /// Throws away what it holds.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        if self.file.metadata().await?.len() == 0 {
            // ext4 would take it for a file that is replaced by what comes, and write all of that as it is closed.
            return Ok(());
        }
        self.file.try_clone().set_len(0).await
    }

    /// Waits until what was written is on the disk.
    pub(super) async fn sync(&self) -> Result<(), Error> {
        self.file.try_clone().sync_data().await
    }

    #[cfg(unix)]
    async fn is_at(&self, fs: &Fs, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;

        let (Ok(open), Ok(there)) = (self.file.metadata().await, fs.metadata(path).await) else {
            return false;
        };
        (open.dev(), open.ino()) == (there.dev(), there.ino())
    }

    #[cfg(not(unix))]
    async fn is_at(&self, _: &Fs, _: &Path) -> bool {
        // An open file cannot be renamed there.
        true
    }
}
