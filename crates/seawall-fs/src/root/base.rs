use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat, openat2, statat};
use rustix::io::Errno;

use super::steps;
use crate::at::At;
use crate::fault::Fault;
use crate::identity::Identity;

/// Somebody who renames directories all the time makes the kernel give up on a path with `..`; so often it is asked
/// again here, before the request is.
const PATIENCE: usize = 64;

/// To look at something and to go on from there, without the right to read it.
pub(super) const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// An open directory that nothing leads out of.
#[derive(Debug)]
pub(crate) struct Base {
    directory: OwnedFd,
    way: Way,
}

/// Who sees to it that a path stays inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The kernel, while it walks.
    Kernel,
    /// We, walking ourselves.
    Steps,
}

/// The directory that holds a name, and the name.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) directory: OwnedFd,
    pub(super) name: OsString,
}

impl Base {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let directory =
            openat(CWD, path, LOOK | OFlags::DIRECTORY, Mode::empty()).map_err(io::Error::from)?;
        // Some containers know the call by another name than "missing".
        let way = match openat2(&directory, ".", LOOK, Mode::empty(), ResolveFlags::BENEATH) {
            Err(Errno::NOSYS | Errno::PERM) => Way::Steps,
            _ => Way::Kernel,
        };
        Ok(Self { directory, way })
    }

    #[cfg(test)]
    pub(super) fn way(&self) -> Way {
        self.way
    }

    #[cfg(test)]
    pub(super) fn going(self, way: Way) -> Self {
        Self { way, ..self }
    }

    pub(super) fn below(&self, path: &Path) -> Result<Self, Fault> {
        Ok(Self { directory: self.find(path, LOOK | OFlags::DIRECTORY)?, way: self.way })
    }

    /// Opens what is at `path`.
    pub(super) fn find(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Fault> {
        self.make(path, flags, Mode::empty())
    }

    /// The same, with the mode of a file that is made.
    pub(super) fn make(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Fault> {
        if path.as_os_str().is_empty() {
            return Err(io::Error::from(Errno::NOENT).into());
        }
        match self.way {
            Way::Kernel => self.by_the_kernel(path, flags, mode),
            Way::Steps => steps::open(self.directory.as_fd(), path, flags, mode),
        }
    }

    fn by_the_kernel(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Fault> {
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        loop {
            tries += 1;
            match openat2(&self.directory, path, flags, mode, inside) {
                Err(Errno::AGAIN | Errno::INTR) if tries < PATIENCE => {}
                Err(Errno::XDEV) => return Err(outside()),
                result => return Ok(result.map_err(io::Error::from)?),
            }
        }
    }

    /// Where the last name of `path` is, which itself is not followed.
    pub(crate) fn place(&self, path: &Path) -> Result<Place, Fault> {
        let Some(name) = path.file_name() else {
            // `..` and the root itself name nothing that could be made or removed.
            return Err(if path.has_root() { outside() } else { Fault::invalid("the path names no file") });
        };
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = self.find(above, LOOK | OFlags::DIRECTORY)?;
        Ok(Place { directory, name: name.to_owned() })
    }
}

/// What a path below it says, asked by others than the root itself.
impl Base {
    pub(crate) fn metadata(&self, path: &Path) -> Result<Metadata, Fault> {
        metadata(self.find(path, LOOK)?)
    }

    pub(crate) fn symlink_metadata(&self, path: &Path) -> Result<Metadata, Fault> {
        metadata(self.find(path, LOOK | OFlags::NOFOLLOW)?)
    }

    /// Opens a directory to read what is in it.
    pub(crate) fn directory(&self, path: &Path, follows: bool) -> Result<OwnedFd, Fault> {
        let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, !follows);
        self.find(path, flags)
    }

    pub(crate) fn canonicalize(&self, path: &Path) -> Result<PathBuf, Fault> {
        Ok(fs::canonicalize(by_descriptor(&self.find(path, LOOK)?))?)
    }

    pub(crate) fn set_permissions(&self, path: &Path, permissions: &Permissions) -> Result<(), Fault> {
        Ok(fs::set_permissions(by_descriptor(&self.find(path, LOOK)?), permissions.clone())?)
    }
}

impl From<Place> for At {
    fn from(place: Place) -> Self {
        Self::within(place.directory, place.name)
    }
}

impl Place {
    pub(super) fn identity(&self) -> io::Result<Identity> {
        let stat = statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Identity::of_stat(&stat))
    }

    /// The directory and the name, as the system's calls want them.
    pub(super) fn at(&self) -> (BorrowedFd<'_>, &OsStr) {
        (self.directory.as_fd(), &self.name)
    }
}

/// The path of an open file for calls that take a path only: it leads to this very file.
pub(super) fn by_descriptor(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

pub(super) fn outside() -> Fault {
    Fault::invalid("leads out of the root, as an absolute path, by `..` or by a symbolic link")
}

fn metadata(file: OwnedFd) -> Result<Metadata, Fault> {
    Ok(File::from(file).metadata()?)
}
