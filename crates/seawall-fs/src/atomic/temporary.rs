use std::fs::{self, File};
use std::io;

use tempfile::NamedTempFile;

use super::target::Target;
use crate::temporary::create_new;

const PREFIX: &str = ".seawall-";
const SUFFIX: &str = ".tmp";

/// A new file in the directory of the target, because a rename works only within one file system.
#[derive(Debug)]
pub(super) enum Temporary {
    /// Without a name, so that a process that is killed leaves nothing behind.
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(NamedTempFile),
}

impl Temporary {
    pub(super) fn beside(target: &Target) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(unnamed) = unnamed::make(target)? {
            return Ok(Self::Unnamed(unnamed));
        }
        named(target).map(Self::Named)
    }

    pub(super) fn file(&self) -> &File {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => file,
            Self::Named(temporary) => temporary.as_file(),
        }
    }

    pub(super) fn file_mut(&mut self) -> &mut File {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => file,
            Self::Named(temporary) => temporary.as_file_mut(),
        }
    }

    pub(super) fn put_at(self, target: &Target) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => unnamed::put(&file, target),
            Self::Named(temporary) => match temporary.persist(&target.path) {
                Ok(_) => Ok(()),
                Err(failed) => Err(failed.error),
            },
        }
    }
}

pub(super) fn named(target: &Target) -> io::Result<NamedTempFile> {
    // Private until it has the target's own mode, so that nobody reads what they could not read before; else less the
    // umask, as for any new file.
    let mode = if target.permissions.is_some() { 0o600 } else { 0o666 };
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    let temporary = builder.make_in(&target.directory, |path| create_new(path, mode))?;
    if let Some(permissions) = &target.permissions {
        set_permissions(temporary.as_file(), permissions)?;
    }
    Ok(temporary)
}

fn set_permissions(file: &File, permissions: &fs::Permissions) -> io::Result<()> {
    file.set_permissions(permissions.clone())
}

#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::{self, File};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::Path;
    use std::sync::LazyLock;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use rustix::io::Errno;

    use super::{PREFIX, SUFFIX, set_permissions};
    use crate::atomic::target::Target;

    /// The way to a descriptor's file, which is how a file without a name is given one.
    static DESCRIPTORS: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").is_dir());

    /// `None` where the file system or the system has no such thing.
    pub(super) fn make(target: &Target) -> io::Result<Option<File>> {
        if !*DESCRIPTORS {
            return Ok(None);
        }
        let mode = Mode::from_raw_mode(if target.permissions.is_some() { 0o600 } else { 0o666 });
        let file = match open(&target.directory, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT | Errno::NOSYS) => {
                return Ok(None);
            }
            Err(cause) => return Err(cause.into()),
        };
        if let Some(permissions) = &target.permissions {
            set_permissions(&file, permissions)?;
        }
        Ok(Some(file))
    }

    pub(super) fn put(file: &File, target: &Target) -> io::Result<()> {
        if target.permissions.is_none() {
            // Nothing to replace: it can take its name at once, unless somebody was quicker.
            match name(file, &target.path) {
                Err(Errno::EXIST) => {}
                result => return result.map_err(io::Error::from),
            }
        }
        // A link cannot replace, only a rename can, and that needs a name to begin with.
        let temporary = loop {
            let path = target.directory.join(format!("{PREFIX}{:016x}{SUFFIX}", fastrand::u64(..)));
            match name(file, &path) {
                Ok(()) => break path,
                Err(Errno::EXIST) => {}
                Err(cause) => return Err(cause.into()),
            }
        };
        fs::rename(&temporary, &target.path).inspect_err(|_| {
            // The rename's error is the one to tell.
            let _best_effort = fs::remove_file(&temporary);
        })
    }

    fn name(file: &File, path: &Path) -> Result<(), Errno> {
        let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        linkat(CWD, descriptor, CWD, path, AtFlags::SYMLINK_FOLLOW)
    }
}
