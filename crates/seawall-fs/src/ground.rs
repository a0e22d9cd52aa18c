//! What paths mean to work that goes by many of them: walks, copies, removals and replacements.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, Permissions};
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::Arc;

use crate::EntryKind;
use crate::at::At;
use crate::fault::Fault;
use crate::read;
#[cfg(target_os = "linux")]
use crate::root::Base;
use crate::walk::DirectoryReader;

/// Where paths lead.
#[derive(Clone, Debug, Default)]
pub(crate) enum Ground {
    /// Wherever they say.
    #[default]
    Anywhere,
    /// They are relative to a root, and lead nowhere outside of it.
    #[cfg(target_os = "linux")]
    Below {
        base: Arc<Base>,
        /// What the root was called when it was opened.
        path: Arc<Path>,
    },
}

impl Ground {
    /// A path as it is told to people, and by which the client knows it.
    pub(crate) fn told(&self, path: &Path) -> PathBuf {
        match self {
            Self::Anywhere => path.to_owned(),
            #[cfg(target_os = "linux")]
            Self::Below { path: root, .. } => root.join(path),
        }
    }

    /// Opens a file to read it, unless that could wait for another process.
    pub(crate) fn open(&self, path: &Path) -> Result<File, Fault> {
        match self {
            Self::Anywhere => read::open(path, 0),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => base.open_file(path, crate::OpenOptions::reading()),
        }
    }

    /// Opens a directory to read what is in it.
    pub(crate) fn directory(&self, path: &Path, follows: bool) -> Result<DirectoryReader, Fault> {
        match self {
            Self::Anywhere => Ok(DirectoryReader::open(path, follows)?),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => Ok(base.directory(path, follows)?.into()),
        }
    }

    /// What a symbolic link in a directory points to, if that is there and may be known.
    pub(crate) fn kind_behind(
        &self,
        reader: &DirectoryReader,
        directory: &Path,
        name: &OsStr,
    ) -> Option<EntryKind> {
        match self {
            Self::Anywhere => reader.kind_behind(name),
            #[cfg(target_os = "linux")]
            Self::Below { .. } => Some(self.metadata(&directory.join(name)).ok()?.file_type().into()),
        }
    }

    pub(crate) fn metadata(&self, path: &Path) -> Result<Metadata, Fault> {
        match self {
            Self::Anywhere => Ok(fs::metadata(path)?),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => base.metadata(path),
        }
    }

    pub(crate) fn symlink_metadata(&self, path: &Path) -> Result<Metadata, Fault> {
        match self {
            Self::Anywhere => Ok(fs::symlink_metadata(path)?),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => base.symlink_metadata(path),
        }
    }

    /// The absolute path of what is there by now.
    pub(crate) fn canonicalize(&self, path: &Path) -> Result<PathBuf, Fault> {
        match self {
            Self::Anywhere => Ok(fs::canonicalize(path)?),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => base.canonicalize(path),
        }
    }

    pub(crate) fn create_dir_all(&self, path: &Path) -> Result<(), Fault> {
        match self {
            Self::Anywhere => Ok(fs::create_dir_all(path)?),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => base.create_dir_all(path),
        }
    }

    pub(crate) fn set_permissions(&self, path: &Path, permissions: &Permissions) -> Result<(), Fault> {
        match self {
            Self::Anywhere => Ok(fs::set_permissions(path, permissions.clone())?),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => base.set_permissions(path, permissions),
        }
    }

    /// Where the last name of a path is, which itself is not followed.
    pub(crate) fn at(&self, path: &Path) -> Result<At, Fault> {
        match self {
            Self::Anywhere => Ok(At::path(path.to_owned())),
            #[cfg(target_os = "linux")]
            Self::Below { base, .. } => Ok(base.place(path)?.into()),
        }
    }
}
