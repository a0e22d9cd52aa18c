use std::fs::File;
use std::io;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::sync::Arc;

#[cfg(unix)]
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, readlinkat, renameat, symlinkat, unlinkat};

/// A name, and the directory that it is looked up in. What is done with it is done to the name itself: a symbolic link
/// there is not followed.
#[derive(Clone, Debug)]
pub(crate) struct At {
    /// An open directory that holds the name, whatever becomes of its path; `None` where the path says it all.
    #[cfg(unix)]
    start: Option<Arc<OwnedFd>>,
    path: PathBuf,
}

impl At {
    pub(crate) fn path(path: PathBuf) -> Self {
        Self {
            #[cfg(unix)]
            start: None,
            path,
        }
    }

    /// Another name in the same directory.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self { path: self.path.with_file_name(name), ..self.clone() }
    }
}

#[cfg(unix)]
impl At {
    /// A name within an open directory.
    #[cfg(target_os = "linux")]
    pub(crate) fn within(directory: OwnedFd, name: std::ffi::OsString) -> Self {
        Self { start: Some(Arc::new(directory)), path: name.into() }
    }

    /// Makes and opens a file that is not there yet.
    pub(crate) fn create_new(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(self.start(), &self.path, flags, mode_of(mode))?.into())
    }

    /// Gives what has this name the other one, in place of what had that.
    pub(crate) fn rename_to(&self, other: &Self) -> io::Result<()> {
        Ok(renameat(self.start(), &self.path, other.start(), &other.path)?)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(self.start(), &self.path, AtFlags::empty())?)
    }

    pub(crate) fn read_link(&self) -> io::Result<PathBuf> {
        use std::os::unix::ffi::OsStringExt;

        let target = readlinkat(self.start(), &self.path, Vec::new())?;
        Ok(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
    }

    pub(crate) fn symlink(&self, points_to: &Path) -> io::Result<()> {
        Ok(symlinkat(points_to, self.start(), &self.path)?)
    }

    /// Opens the directory that holds the name, to sync it or to make something in it.
    pub(crate) fn open_directory(&self, flags: OFlags, mode: u32) -> io::Result<File> {
        let directory = match self.path.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        Ok(openat(self.start(), directory, flags | OFlags::CLOEXEC, mode_of(mode))?.into())
    }

    fn start(&self) -> BorrowedFd<'_> {
        self.start.as_ref().map_or(CWD, |directory| directory.as_fd())
    }
}

#[cfg(target_os = "linux")]
impl At {
    /// What it is and its mode, `None` if there is nothing.
    pub(crate) fn kind_and_mode(&self) -> io::Result<Option<(rustix::fs::FileType, u32)>> {
        match rustix::fs::statat(self.start(), &self.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some((rustix::fs::FileType::from_raw_mode(stat.st_mode), stat.st_mode))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(cause) => Err(cause.into()),
        }
    }

    pub(crate) fn remove_dir(&self) -> io::Result<()> {
        Ok(unlinkat(self.start(), &self.path, AtFlags::REMOVEDIR)?)
    }

    /// Gives an open file that has none this name.
    ///
    /// By the descriptor alone whoever opened the file may since Linux 6.10, and before that only those with
    /// `CAP_DAC_READ_SEARCH`; the way by `/proc` is open to all, and longer.
    pub(crate) fn link(&self, file: &File) -> io::Result<()> {
        use std::os::fd::AsRawFd;

        match rustix::fs::linkat(file, "", self.start(), &self.path, AtFlags::EMPTY_PATH) {
            Err(rustix::io::Errno::NOENT) => {}
            result => return Ok(result?),
        }
        let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, descriptor, self.start(), &self.path, AtFlags::SYMLINK_FOLLOW)?)
    }
}

#[cfg(unix)]
fn mode_of(mode: u32) -> Mode {
    Mode::from_bits_truncate(mode as rustix::fs::RawMode)
}

#[cfg(not(unix))]
impl At {
    pub(crate) fn create_new(&self, _: u32) -> io::Result<File> {
        std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&self.path)
    }

    pub(crate) fn rename_to(&self, other: &Self) -> io::Result<()> {
        std::fs::rename(&self.path, &other.path)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    pub(crate) fn read_link(&self) -> io::Result<PathBuf> {
        std::fs::read_link(&self.path)
    }

    pub(crate) fn symlink(&self, _: &Path) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "symbolic links are not copied on this system"))
    }
}
