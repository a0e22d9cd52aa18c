use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::directory_of;
use super::replacement::sync_opened;
use crate::at::At;
use crate::fault::Fault;
use crate::ground::Ground;

/// The file that a path means: where it really is, and what is there.
#[derive(Debug)]
pub(crate) struct Target {
    pub(super) at: At,
    /// By which the client knows it.
    pub(crate) path: PathBuf,
    /// Those of the file that is there; none if there is none.
    pub(super) permissions: Option<fs::Permissions>,
}

/// Directories by what paths call them, each resolved once for all paths of a group.
#[derive(Debug, Default)]
pub(super) struct Directories(HashMap<PathBuf, PathBuf>);

impl Directories {
    fn canonical(&mut self, directory: &Path) -> io::Result<&Path> {
        if !self.0.contains_key(directory) {
            self.0.insert(directory.to_owned(), fs::canonicalize(directory)?);
        }
        Ok(&self.0[directory])
    }
}

impl Target {
    pub(crate) fn resolve(path: &Path, ground: &Ground) -> Result<Self, Fault> {
        match ground {
            Ground::Anywhere => Self::anywhere(path, &mut Directories::default()),
            #[cfg(target_os = "linux")]
            Ground::Below { .. } => Self::below(path, ground),
        }
    }

    /// Follows symbolic links, so that the file at their end is replaced and the links stay, as writing in
    /// place would.
    pub(super) fn anywhere(path: &Path, directories: &mut Directories) -> Result<Self, Fault> {
        let Some(name) = path.file_name() else {
            return Err(Fault::invalid("the path names no file"));
        };
        let found = match fs::symlink_metadata(path) {
            Ok(found) => Some(found),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(cause.into()),
        };
        let (path, found) = match found {
            Some(link) if link.is_symlink() => behind(path)?,
            found => (directories.canonical(directory_of(path))?.join(name), found),
        };
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            return Err(not_a_file());
        }
        let permissions = found.map(|found| without_extra_rights(&found.permissions()));
        Ok(Self { at: At::path(path.clone()), path, permissions })
    }

    /// Follows none at the end of the path: what it points to may be outside.
    #[cfg(target_os = "linux")]
    fn below(path: &Path, ground: &Ground) -> Result<Self, Fault> {
        use std::os::unix::fs::PermissionsExt;

        use rustix::fs::FileType;

        let at = ground.at(path)?;
        let permissions = match at.kind_and_mode()? {
            None => None,
            Some((FileType::RegularFile, mode)) => {
                Some(without_extra_rights(&fs::Permissions::from_mode(mode)))
            }
            Some((FileType::Symlink, _)) => {
                return Err(Fault::invalid("a symbolic link: within a root, name the file itself"));
            }
            Some(_) => return Err(not_a_file()),
        };
        Ok(Self { at, path: ground.told(path), permissions })
    }

    /// Makes the name durable.
    pub(crate) fn sync_directory(&self) -> io::Result<()> {
        sync_opened(|| self.open_directory())
    }

    #[cfg(unix)]
    fn open_directory(&self) -> io::Result<File> {
        use rustix::fs::OFlags;
        self.at.open_directory(OFlags::RDONLY | OFlags::DIRECTORY, 0)
    }

    #[cfg(not(unix))]
    fn open_directory(&self) -> io::Result<File> {
        File::open(directory_of(&self.path))
    }
}

/// The file that a symbolic link leads to.
fn behind(link: &Path) -> Result<(PathBuf, Option<fs::Metadata>), Fault> {
    match fs::canonicalize(link) {
        Ok(path) => {
            let found = fs::metadata(&path)?;
            Ok((path, Some(found)))
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(Fault::invalid("a symbolic link to nothing: remove it or make what it points to"))
        }
        Err(cause) => Err(cause.into()),
    }
}

/// A rename would put a regular file in place of a device or a pipe.
fn not_a_file() -> Fault {
    Fault::invalid("not a regular file: it cannot be replaced")
}

#[cfg(unix)]
fn without_extra_rights(permissions: &fs::Permissions) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    // Without set-user-id and set-group-id: the new file belongs to this process, not to the old owner.
    fs::Permissions::from_mode(permissions.mode() & 0o777)
}

#[cfg(not(unix))]
fn without_extra_rights(permissions: &fs::Permissions) -> fs::Permissions {
    permissions.clone()
}
