//! Replacing files as a whole: one (`write_atomic`), piece by piece (`atomic_writer`), and many with one sync.

mod durability;
mod group;
mod replacement;
mod target;
mod temporary;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use seawall_core::Error;

pub use durability::Durability;
pub use group::GroupCommit;
pub(crate) use replacement::{Replacement, directory_of, sync_directory};
pub(crate) use temporary::with_a_new_name;

use crate::commit_gate::CommitGate;
use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::ground::Ground;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Replaces the content of a file, or makes the file: afterwards it holds `content` as a whole, and at
    /// no time anything between what it held and that.
    ///
    /// The content is written to a temporary file in the same directory, synced, and renamed over the
    /// target; then the directory is synced ([`Durability::Full`]). So it outlives a power failure once this has
    /// returned.
    ///
    /// The mode (`rwx`) of an existing file is kept; the new file belongs to this process, though, and
    /// other hard links keep the old content. A symbolic link is followed: the file at its end is replaced
    /// and the link stays. What is not a regular file is refused.
    ///
    /// # Errors
    /// When the file cannot be written. Unless [`may_have_executed`](Error::may_have_executed), it is as it
    /// was and the temporary file is gone.
    ///
    /// # Cancel safety
    /// Dropped before the rename, it leaves the file as it was; during the rename, the replacement is
    /// complete, and a later `write_atomic` to the same file through this client always lands after it.
    ///
    /// A process killed meanwhile leaves nothing behind where the file system has files without names (ext4, XFS,
    /// btrfs, tmpfs), unless it dies in the instant between naming the new file and renaming it; elsewhere, and then,
    /// a file named `.seawall-*.tmp` stays.
    pub async fn write_atomic(&self, path: impl AsRef<Path>, content: impl Into<Bytes>) -> Result<(), Error> {
        self.write_atomic_with(path, content, Durability::Full).await
    }

    /// Replaces the content of a file as [`write_atomic`](Self::write_atomic) does, as durably as asked for.
    ///
    /// # Errors
    /// Those of [`write_atomic`](Self::write_atomic).
    ///
    /// # Cancel safety
    /// That of [`write_atomic`](Self::write_atomic).
    pub async fn write_atomic_with(
        &self,
        path: impl AsRef<Path>,
        content: impl Into<Bytes>,
        durability: Durability,
    ) -> Result<(), Error> {
        let content = content.into();
        let bytes = content.len() as u64;
        let work = move |task: &Task<'_>| {
            let ground = Ground::Anywhere;
            write(&task.label.path, &ground, &content, durability, task.engine.gate(), task.abandoned)
        };
        self.ask(FsRequest::new(Operation::WriteAtomic, path.as_ref(), work).of_bytes(bytes)).await
    }
}

/// Replaces the content of `path` as a whole.
pub(crate) fn write(
    path: &Path,
    ground: &Ground,
    content: &[u8],
    durability: Durability,
    gate: &CommitGate,
    abandoned: &Abandoned,
) -> Result<(), Fault> {
    let mut replacement = Replacement::begin(path, ground, durability)?;
    replacement.file().write_all(content).map_err(|cause| Fault::from(cause).changed_nothing())?;
    replacement.commit(gate, abandoned)
}
