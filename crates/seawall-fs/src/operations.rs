use std::fs;
use std::path::Path;

use crate::fault::Fault;
use crate::{Entry, EntryKind};

/// Removes a file. On a later attempt a file that is not there has been removed by an earlier one.
pub(crate) fn remove(path: &Path, attempt: u32) -> Result<(), Fault> {
    match fs::remove_file(path).map_err(Fault::from) {
        Err(fault) if attempt > 1 && fault.is_not_found() => Ok(()),
        result => result,
    }
}

pub(crate) fn list(path: &Path, limit: usize) -> Result<Vec<Entry>, Fault> {
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
