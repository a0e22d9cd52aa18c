use std::ffi::OsString;
use std::fs;
use std::path::Path;

use seawall_core::Error;

use crate::fault::Fault;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
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

    /// The entries of a directory of at most `limit` entries, sorted by name, without `.` and `..`.
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

fn list(path: &Path, limit: usize) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entries.len() == limit {
            return Err(Fault::invalid(format!("more than the {limit} entries allowed: raise the limit")));
        }
        entries.push(Entry { name: entry.file_name(), kind: entry.file_type()?.into() });
    }
    // The file system has an order of its own, another one on every machine.
    entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
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
