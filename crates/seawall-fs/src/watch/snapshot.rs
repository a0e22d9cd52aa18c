use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Change, ChangeKind};
use crate::EntryKind;

/// Device and number of a file, where there are such.
pub(super) type Identity = (u64, u64);

/// What was there when it was last looked at.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    directories: HashMap<PathBuf, HashMap<OsString, Stamp>>,
    entries: usize,
}

/// By what a file is known to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) kind: EntryKind,
    pub(super) identity: Identity,
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let kind = EntryKind::from(metadata.file_type());
        let is_directory = kind == EntryKind::Directory;
        Self {
            kind,
            identity: identity(metadata),
            // What is put into a directory is told by itself.
            length: if is_directory { 0 } else { metadata.len() },
            modified: if is_directory { None } else { metadata.modified().ok() },
        }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0)
}

impl Snapshot {
    /// How many entries it holds.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    pub(super) fn knows(&self, directory: &Path) -> bool {
        self.directories.contains_key(directory)
    }

    pub(super) fn stamp(&self, directory: &Path, name: &OsStr) -> Option<Stamp> {
        self.directories.get(directory)?.get(name).copied()
    }

    /// The names in a directory.
    pub(super) fn names(&self, directory: &Path) -> Vec<OsString> {
        self.directories.get(directory).into_iter().flat_map(HashMap::keys).cloned().collect()
    }

    pub(super) fn add_directory(&mut self, directory: &Path) {
        if !self.knows(directory) {
            self.directories.insert(directory.to_owned(), HashMap::new());
        }
    }

    /// Keeps what is there now; nothing of a directory that is not known.
    pub(super) fn put(&mut self, directory: &Path, name: &OsStr, stamp: Stamp) {
        if let Some(names) = self.directories.get_mut(directory)
            && names.insert(name.to_owned(), stamp).is_none()
        {
            self.entries += 1;
        }
    }

    /// Forgets an entry that is there no more, with all below it; answers the directories among them.
    pub(super) fn remove(&mut self, directory: &Path, name: &OsStr, changes: &mut Changes) -> Vec<PathBuf> {
        let Some(stamp) = self.directories.get_mut(directory).and_then(|names| names.remove(name)) else {
            return Vec::new();
        };
        self.entries -= 1;
        let path = directory.join(name);
        changes.add(path.clone(), ChangeKind::Removed, stamp.kind);
        if stamp.kind == EntryKind::Directory { self.remove_directory(path, changes) } else { Vec::new() }
    }

    /// Forgets all that was in a directory, and the directory; answers all directories that it forgets.
    pub(super) fn remove_directory(&mut self, directory: PathBuf, changes: &mut Changes) -> Vec<PathBuf> {
        let mut removed = Vec::new();
        let mut below = vec![directory];
        while let Some(directory) = below.pop() {
            for (name, stamp) in self.directories.remove(&directory).into_iter().flatten() {
                self.entries -= 1;
                let path = directory.join(name);
                if stamp.kind == EntryKind::Directory {
                    below.push(path.clone());
                }
                changes.add(path, ChangeKind::Removed, stamp.kind);
            }
            removed.push(directory);
        }
        removed
    }
}

/// What has changed, each path once.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<PathBuf, (ChangeKind, EntryKind)>);

impl Changes {
    pub(super) fn add(&mut self, path: PathBuf, kind: ChangeKind, entry: EntryKind) {
        use ChangeKind::{Created, Modified, Removed};

        let merged = match (self.0.get(&path), kind) {
            // It was not there before, and is not now.
            (Some((Created, _)), Removed) => {
                self.0.remove(&path);
                return;
            }
            (Some((Created, _)), _) => Created,
            (Some((Removed, _)), Created) => Modified,
            _ => kind,
        };
        self.0.insert(path, (merged, entry));
    }

    pub(super) fn into_sorted(self) -> Vec<Change> {
        let change = |(path, (kind, entry))| Change { path, kind, entry };
        self.0.into_iter().map(change).collect()
    }
}
