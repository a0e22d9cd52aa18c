//! Reading a directory by the buffer, with as little as possible for each entry.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Buffer, DirectoryReader};
#[cfg(target_os = "linux")]
pub(crate) use linux::{Buffer, DirectoryReader};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, fstat, openat, statat};
    use rustix::io::Errno;

    use crate::EntryKind;

    /// Where the kernel puts entries. One for all directories that a thread reads one after another.
    pub(crate) struct Buffer(Vec<u8>);

    impl Buffer {
        pub(crate) fn new() -> Self {
            Self(Vec::with_capacity(64 * 1024))
        }
    }

    /// A directory in the course of being read.
    #[derive(Debug)]
    pub(crate) struct DirectoryReader(OwnedFd);

    impl DirectoryReader {
        pub(crate) fn open(path: &Path, follows: bool) -> io::Result<Self> {
            Self::open_at(CWD, path.as_os_str(), follows)
        }

        pub(crate) fn open_at(parent: impl AsFd, name: &OsStr, follows: bool) -> io::Result<Self> {
            let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            // Somebody may put a link in the directory's place at any time.
            flags.set(OFlags::NOFOLLOW, !follows);
            Ok(Self(openat(parent, name, flags, Mode::empty())?))
        }

        /// Device and number: the same for the same directory, whatever its path.
        pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
            let stat = fstat(&self.0)?;
            Ok((stat.st_dev, stat.st_ino))
        }

        /// Tells the next entries, a buffer's worth; `false` at the end.
        pub(crate) fn read(
            &self,
            buffer: &mut Buffer,
            mut each: impl FnMut(&OsStr, EntryKind),
        ) -> io::Result<bool> {
            let mut entries = RawDir::new(&self.0, buffer.0.spare_capacity_mut());
            loop {
                match entries.next() {
                    Some(Ok(entry)) => {
                        let name = entry.file_name().to_bytes();
                        if name != b"." && name != b".." {
                            let name = OsStr::from_bytes(name);
                            if let Some(kind) = self.kind(name, entry.file_type()) {
                                each(name, kind);
                            }
                        }
                    }
                    // Removed while it was read: nothing more is in it.
                    None | Some(Err(Errno::NOENT)) => return Ok(false),
                    Some(Err(cause)) => return Err(cause.into()),
                }
                if entries.is_buffer_empty() {
                    return Ok(true);
                }
            }
        }

        /// What a symbolic link points to, if that is there.
        pub(crate) fn kind_behind(&self, name: &OsStr) -> Option<EntryKind> {
            let stat = statat(&self.0, name, AtFlags::empty()).ok()?;
            Some(kind_of(FileType::from_raw_mode(stat.st_mode)))
        }

        /// Some file systems do not say with the name what it names. `None` if it is gone already.
        fn kind(&self, name: &OsStr, told: FileType) -> Option<EntryKind> {
            if told != FileType::Unknown {
                return Some(kind_of(told));
            }
            match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(kind_of(FileType::from_raw_mode(stat.st_mode))),
                Err(Errno::NOENT) => None,
                Err(_unknown) => Some(EntryKind::Other),
            }
        }
    }

    impl From<OwnedFd> for DirectoryReader {
        fn from(directory: OwnedFd) -> Self {
            Self(directory)
        }
    }

    impl AsFd for DirectoryReader {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    fn kind_of(kind: FileType) -> EntryKind {
        match kind {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            _ => EntryKind::Other,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::ffi::OsStr;
    use std::fs::{self, ReadDir};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, PoisonError};

    use crate::EntryKind;

    /// So many entries are told at a time.
    const ENTRIES: usize = 1024;

    pub(crate) struct Buffer;

    impl Buffer {
        pub(crate) fn new() -> Self {
            Self
        }
    }

    #[derive(Debug)]
    pub(crate) struct DirectoryReader {
        path: PathBuf,
        entries: Mutex<ReadDir>,
    }

    impl DirectoryReader {
        pub(crate) fn open(path: &Path, _follows: bool) -> io::Result<Self> {
            Ok(Self { path: path.to_owned(), entries: Mutex::new(fs::read_dir(path)?) })
        }

        /// Without numbers that the standard library tells, by the real path.
        pub(crate) fn identity(&self) -> io::Result<PathBuf> {
            fs::canonicalize(&self.path)
        }

        pub(crate) fn read(
            &self,
            _: &mut Buffer,
            mut each: impl FnMut(&OsStr, EntryKind),
        ) -> io::Result<bool> {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..ENTRIES {
                let Some(entry) = entries.next() else { return Ok(false) };
                let entry = entry?;
                each(&entry.file_name(), entry.file_type()?.into());
            }
            Ok(true)
        }

        pub(crate) fn kind_behind(&self, name: &OsStr) -> Option<EntryKind> {
            fs::metadata(self.path.join(name)).ok().map(|metadata| metadata.file_type().into())
        }
    }
}
