use std::ffi::OsString;
use std::fs;
use std::path::Path;

use seawall_core::Error;

use crate::fault::Fault;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Makes a directory that is not there yet, in one that is.
    ///
    /// It is tried again only if it was certainly not made: otherwise a second attempt could not tell its own
    /// directory from somebody else's.
    ///
    /// # Errors
    /// When something has the name already, or it cannot be made.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been made or not.
    pub async fn create_dir(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work = |task: &Task<'_>| fs::create_dir(&task.label.path).map_err(Fault::of_one_step);
        self.ask(FsRequest::new(Operation::CreateDir, path.as_ref(), work)).await
    }

    /// Makes a directory and those above it; one that is there already is fine.
    ///
    /// # Errors
    /// When one of them cannot be made, because a file has its name for instance.
    ///
    /// # Cancel safety
    /// Dropped under way, some of them may have been made.
    pub async fn create_dir_all(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work = |task: &Task<'_>| Ok(fs::create_dir_all(&task.label.path)?);
        self.ask(FsRequest::new(Operation::CreateDirAll, path.as_ref(), work)).await
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When there is none, it is not empty or no directory, or it cannot be removed.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been removed or not.
    pub async fn remove_dir(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work = |task: &Task<'_>| remove_dir(&task.label.path, task.attempt);
        self.ask(FsRequest::new(Operation::RemoveDir, path.as_ref(), work)).await
    }

    /// Removes an empty directory, and then those above it in the path, as long as they are empty too.
    ///
    /// # Errors
    /// As [`remove_dir`](Self::remove_dir), of the last directory in the path. One above that cannot be removed stays.
    ///
    /// # Cancel safety
    /// Dropped under way, some of them may have been removed.
    pub async fn remove_dirs(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let work = |task: &Task<'_>| {
            remove_dir(&task.label.path, task.attempt)?;
            remove_empty_above(&task.label.path);
            Ok(())
        };
        self.ask(FsRequest::new(Operation::RemoveDirs, path.as_ref(), work)).await
    }

    /// The entries of a directory of at most `limit` entries, sorted by name, without `.` and `..`.
    ///
    /// For larger ones, and for the metadata of each entry, there is [`entries`](Self::entries).
    ///
    /// # Errors
    /// When it cannot be read, or has more than `limit` entries.
    pub async fn list(&self, path: impl AsRef<Path>, limit: usize) -> Result<Vec<Entry>, Error> {
        let work = move |task: &Task<'_>| list(&task.label.path, limit);
        self.ask(FsRequest::new(Operation::List, path.as_ref(), work)).await
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name within the directory.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
}

/// What a directory entry is. A symbolic link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe, a socket.
    Other,
}

/// Removes a directory. On a later attempt one that is not there has been removed by an earlier one.
fn remove_dir(path: &Path, attempt: u32) -> Result<(), Fault> {
    match fs::remove_dir(path).map_err(Fault::from) {
        Err(fault) if attempt > 1 && fault.is_not_found() => Ok(()),
        result => result,
    }
}

/// Removes the directories above a path from the innermost on, up to the first that is not empty.
pub(crate) fn remove_empty_above(path: &Path) {
    let above = path.ancestors().skip(1).take_while(|directory| !directory.as_os_str().is_empty());
    for directory in above {
        if fs::remove_dir(directory).is_err() {
            return;
        }
    }
}

fn list(path: &Path, limit: usize) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        push_within(&mut entries, limit, Entry { name: entry.file_name(), kind: entry.file_type()?.into() })?;
    }
    Ok(sorted(entries))
}

pub(crate) fn push_within(entries: &mut Vec<Entry>, limit: usize, entry: Entry) -> Result<(), Fault> {
    if entries.len() == limit {
        return Err(Fault::invalid(format!("more than the {limit} entries allowed: raise the limit")));
    }
    entries.push(entry);
    Ok(())
}

/// The file system has an order of its own, another one on every machine.
pub(crate) fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    entries
}

impl From<fs::FileType> for EntryKind {
    fn from(kind: fs::FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Symlink
        } else {
            Self::Other
        }
    }
}
