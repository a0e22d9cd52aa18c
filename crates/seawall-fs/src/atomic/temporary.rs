use std::fs::File;
use std::io;

use super::target::Target;
use crate::at::At;

/// A new file in the directory of the target, because a rename works only within one file system.
#[derive(Debug)]
pub(super) enum Temporary {
    /// Without a name, so that a process that is killed leaves nothing behind.
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(Named),
}

impl Temporary {
    pub(super) fn beside(target: &Target) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(unnamed) = unnamed::make(target)? {
            return Ok(Self::Unnamed(unnamed));
        }
        Named::beside(target).map(Self::Named)
    }

    pub(super) fn file(&self) -> &File {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => file,
            Self::Named(named) => &named.file,
        }
    }

    pub(super) fn file_mut(&mut self) -> &mut File {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => file,
            Self::Named(named) => &mut named.file,
        }
    }

    pub(super) fn put_at(self, target: &Target) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Unnamed(file) => unnamed::put(&file, target),
            Self::Named(named) => named.put_at(target),
        }
    }
}

/// One with a name, which is removed when dropped unless it has taken the target's.
#[derive(Debug)]
pub(super) struct Named {
    file: File,
    at: At,
    is_placed: bool,
}

impl Named {
    pub(super) fn beside(target: &Target) -> io::Result<Self> {
        let (at, file) = with_a_new_name(&target.at, |at| at.create_new(mode(target)))?;
        let this = Self { file, at, is_placed: false };
        take_over_permissions(&this.file, target)?;
        Ok(this)
    }

    fn put_at(mut self, target: &Target) -> io::Result<()> {
        self.at.rename_to(&target.at)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if !self.is_placed {
            // It has nothing that anybody wants.
            let _best_effort = self.at.remove();
        }
    }
}

/// Makes something beside `at` by a name that nothing has.
pub(crate) fn with_a_new_name<T>(at: &At, make: impl Fn(&At) -> io::Result<T>) -> io::Result<(At, T)> {
    loop {
        let at = at.beside(&format!(".seawall-{:016x}.tmp", fastrand::u64(..)));
        match make(&at) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|made| (at, made)),
        }
    }
}

/// Private until it has the target's own mode, so that nobody reads what they could not read before; else less the
/// umask, as for any new file.
fn mode(target: &Target) -> u32 {
    if target.permissions.is_some() { 0o600 } else { 0o666 }
}

fn take_over_permissions(file: &File, target: &Target) -> io::Result<()> {
    match &target.permissions {
        Some(permissions) => file.set_permissions(permissions.clone()),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::sync::LazyLock;

    use rustix::fs::OFlags;
    use rustix::io::Errno;

    use super::{mode, take_over_permissions, with_a_new_name};
    use crate::atomic::target::Target;

    /// The way to a descriptor's file, which is how a file without a name is given one.
    static DESCRIPTORS: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").is_dir());

    /// `None` where the file system or the system has no such thing.
    pub(super) fn make(target: &Target) -> io::Result<Option<File>> {
        if !*DESCRIPTORS {
            return Ok(None);
        }
        let file = match target.at.open_directory(OFlags::TMPFILE | OFlags::RDWR, mode(target)) {
            Ok(file) => file,
            Err(cause) => {
                return match Errno::from_io_error(&cause) {
                    Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT | Errno::NOSYS) => {
                        Ok(None)
                    }
                    _ => Err(cause),
                };
            }
        };
        take_over_permissions(&file, target)?;
        Ok(Some(file))
    }

    pub(super) fn put(file: &File, target: &Target) -> io::Result<()> {
        if target.permissions.is_none() {
            // Nothing to replace: it can take its name at once, unless somebody was quicker.
            match target.at.link(file) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result,
            }
        }
        // A link cannot replace, only a rename can, and that needs a name to begin with.
        let (temporary, ()) = with_a_new_name(&target.at, |at| at.link(file))?;
        temporary.rename_to(&target.at).inspect_err(|_| {
            // The rename's error is the one to tell.
            let _best_effort = temporary.remove();
        })
    }
}
