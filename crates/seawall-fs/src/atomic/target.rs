use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::directory_of;
use crate::fault::Fault;

/// The file that a path means: where it really is, and what is there.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) directory: PathBuf,
    /// Those of the file that is there; none if there is none.
    pub(super) permissions: Option<fs::Permissions>,
}

impl Target {
    /// Follows symbolic links, so that the file at their end is replaced and the links stay, as writing in
    /// place would.
    pub(super) fn resolve(path: &Path) -> Result<Self, Fault> {
        let Some(name) = path.file_name() else {
            return Err(Fault::invalid("the path names no file"));
        };
        match fs::canonicalize(path) {
            Ok(found) => {
                let metadata = fs::metadata(&found)?;
                if !metadata.is_file() {
                    // A rename would put a regular file in place of a device or a pipe.
                    return Err(Fault::invalid("not a regular file: it cannot be replaced"));
                }
                let directory = found.parent().unwrap_or(Path::new("/")).to_owned();
                Ok(Self { path: found, directory, permissions: Some(permissions_to_keep(&metadata)) })
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                if fs::symlink_metadata(path).is_ok() {
                    return Err(Fault::invalid(
                        "a symbolic link to nothing: remove it or make what it points to",
                    ));
                }
                let parent = directory_of(path);
                let directory = fs::canonicalize(parent)?;
                Ok(Self { path: directory.join(name), directory, permissions: None })
            }
            Err(cause) => Err(cause.into()),
        }
    }
}

#[cfg(unix)]
pub(crate) fn permissions_to_keep(metadata: &fs::Metadata) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    // Without set-user-id and set-group-id: the new file belongs to this process, not to the old owner.
    fs::Permissions::from_mode(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
pub(crate) fn permissions_to_keep(metadata: &fs::Metadata) -> fs::Permissions {
    metadata.permissions()
}
