use std::fs::File;
use std::io;
use std::path::Path;

use super::Durability;
use super::target::Target;
use super::temporary::Temporary;
use crate::commit_gate::CommitGate;
use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::ground::Ground;
use crate::sys;

/// The replacement of a file: a temporary file in its directory that takes its place in one rename.
///
/// Dropped before [`commit`](Self::commit), it removes the temporary file and the target is as it was.
/// All of it blocks; it belongs on the engine's threads.
#[derive(Debug)]
pub(crate) struct Replacement {
    temporary: Temporary,
    target: Target,
    durability: Durability,
}

impl Replacement {
    pub(crate) fn begin(path: &Path, ground: &Ground, durability: Durability) -> Result<Self, Fault> {
        Self::of(Target::resolve(path, ground).map_err(Fault::changed_nothing)?, durability)
    }

    pub(super) fn of(target: Target, durability: Durability) -> Result<Self, Fault> {
        let temporary = Temporary::beside(&target).map_err(|cause| Fault::from(cause).changed_nothing())?;
        Ok(Self { temporary, target, durability })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.temporary.file_mut()
    }

    /// Makes the content as durable as was asked for and puts it in place, unless the caller has gone by then.
    pub(crate) fn commit(self, gate: &CommitGate, abandoned: &Abandoned) -> Result<(), Fault> {
        if self.durability.syncs_data() {
            self.sync()?;
        }
        let syncs_directory = self.durability.syncs_directory();
        let target = self.put_in_place(gate, abandoned)?;
        if syncs_directory { target.sync_directory().map_err(Fault::directory_sync) } else { Ok(()) }
    }

    /// Has the kernel begin to write the content to the device, without waiting for it: what is synced one after
    /// another later is then under way already.
    pub(crate) fn start_writeback(&self) {
        #[cfg(target_os = "linux")]
        {
            // Advice that the pages are not needed starts their writing; those that are dirty stay in memory. It is
            // advice: what it cannot do, the sync will.
            let _advice = rustix::fs::fadvise(self.temporary.file(), 0, None, rustix::fs::Advice::DontNeed);
        }
    }

    /// Makes the content durable; it is not in its place yet.
    pub(crate) fn sync(&self) -> Result<(), Fault> {
        self.temporary.file().sync_data().map_err(|cause| Fault::sync(cause).changed_nothing())
    }

    /// The number of the file system's device, if it has one.
    pub(crate) fn device(&self) -> Option<u64> {
        sys::device(self.temporary.file())
    }

    /// Makes everything on the target's file system durable; says no where that failed, or is not as good as to sync each
    /// file.
    pub(crate) fn sync_file_system(&self) -> bool {
        sys::sync_file_system(self.temporary.file()).is_some_and(|synced| synced.is_ok())
    }

    /// Puts the content in place; its directory is not durable yet.
    pub(crate) fn put_in_place(self, gate: &CommitGate, abandoned: &Abandoned) -> Result<Target, Fault> {
        let Self { temporary, target, .. } = self;
        {
            let _passage = gate.enter(&target.path);
            // Asked inside the gate: from here on a later replacement of the file waits for this one.
            if abandoned.is_set() {
                return Err(Fault::abandoned());
            }
            temporary.put_at(&target).map_err(|cause| Fault::from(cause).changed_nothing())?;
        }
        Ok(target)
    }
}

/// The directory that holds the name of `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the entries of a directory durable: new names, renames, removals.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    sync_opened(|| File::open(directory))
}

pub(super) fn sync_opened(directory: impl FnOnce() -> io::Result<File>) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file, and the rename itself is journalled.
    if !cfg!(unix) {
        return Ok(());
    }
    match directory()?.sync_all() {
        // Some network and user-space file systems have no such thing; they could not do better for anybody.
        Err(cause) if matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}
