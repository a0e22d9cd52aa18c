use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::EntryKind;

/// One entry of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkEntry {
    pub(super) directory: Arc<Path>,
    pub(super) name: Box<OsStr>,
    pub(super) kind: EntryKind,
    pub(super) is_symlink: bool,
    pub(super) depth: usize,
}

impl WalkEntry {
    /// Where it is: the root of the walk as it was given, and the way from there.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&*self.name)
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its name within the directory.
    pub fn file_name(&self) -> &OsStr {
        &self.name
    }

    /// What it is; what it points to, if it is a symbolic link that is followed.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Whether it is a symbolic link, followed or not.
    pub fn is_symlink(&self) -> bool {
        self.is_symlink
    }

    /// How deep it is: 1 is directly in the root.
    pub fn depth(&self) -> usize {
        self.depth
    }
}
