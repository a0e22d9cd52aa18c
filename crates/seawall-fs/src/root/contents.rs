//! What a root offers to read and write files, and to ask about them.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, OFlags, Uid};
use rustix::io::Errno;
use seawall_core::Error;

use super::Root;
use super::base::{Base, LOOK, by_descriptor};
use crate::at::At;
use crate::directory::{push_within, sorted};
use crate::entries::Reader;
use crate::fault::Fault;
use crate::file::Opened;
use crate::metadata::found;
use crate::work::Task;
use crate::{Entries, Entry, EntryKind, File, OpenOptions, Operation, Space, Times, read, sys};

impl Root {
    /// [`Fs::open`](crate::Fs::open).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn open(&self, path: impl AsRef<Path>, options: OpenOptions) -> Result<File, Error> {
        let path = path.as_ref();
        let request = self.request(options.operation(), path, move |base, path, task| {
            Ok(Opened::new(base.open_file(path, options)?, options, task))
        });
        self.fs.open_by(&self.path.join(path), request).await
    }

    /// [`Fs::read`](crate::Fs::read).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Bytes, Error> {
        let work = move |base: &Base, path: &Path, task: &Task<'_>| {
            let file = base.open_file(path, OpenOptions::reading())?;
            read::whole(&file, sys::regular_length(&file), limit, task.abandoned)
        };
        self.ask(Operation::Read, path.as_ref(), work).await
    }

    /// [`Fs::metadata`](crate::Fs::metadata).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        self.ask(Operation::Metadata, path.as_ref(), |base, path, _| base.metadata(path)).await
    }

    /// [`Fs::symlink_metadata`](crate::Fs::symlink_metadata).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn symlink_metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        self.ask(Operation::SymlinkMetadata, path.as_ref(), |base, path, _| base.symlink_metadata(path)).await
    }

    /// [`Fs::exists`](crate::Fs::exists).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn exists(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        found(self.metadata(path).await, |_| true)
    }

    /// [`Fs::read_link`](crate::Fs::read_link).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let work = |base: &Base, path: &Path, _: &Task<'_>| Ok(At::from(base.place(path)?).read_link()?);
        self.ask(Operation::ReadLink, path.as_ref(), work).await
    }

    /// [`Fs::list`](crate::Fs::list).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn list(&self, path: impl AsRef<Path>, limit: usize) -> Result<Vec<Entry>, Error> {
        let work = move |base: &Base, path: &Path, _: &Task<'_>| list(base, path, limit);
        self.ask(Operation::List, path.as_ref(), work).await
    }

    /// [`Fs::entries`](crate::Fs::entries). It needs `/proc`.
    pub fn entries(&self, path: impl AsRef<Path>) -> Entries {
        let request = self.request(Operation::Entries, path.as_ref(), |base, path, task| {
            let directory = base.find(path, LOOK | OFlags::DIRECTORY)?;
            Ok(Reader::new(fs::read_dir(by_descriptor(&directory))?, task))
        });
        Entries::answering(&self.fs, request)
    }

    /// [`Fs::space`](crate::Fs::space).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn space(&self, path: impl AsRef<Path>) -> Result<Space, Error> {
        let work = |base: &Base, path: &Path, _: &Task<'_>| {
            Ok(Space::from(rustix::fs::fstatvfs(base.find(path, LOOK)?).map_err(io::Error::from)?))
        };
        self.ask(Operation::Space, path.as_ref(), work).await
    }

    /// [`Fs::set_permissions`](crate::Fs::set_permissions). It needs `/proc`.
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn set_permissions(
        &self,
        path: impl AsRef<Path>,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let work = move |base: &Base, path: &Path, _: &Task<'_>| base.set_permissions(path, &permissions);
        self.ask(Operation::SetPermissions, path.as_ref(), work).await
    }

    /// [`Fs::set_times`](crate::Fs::set_times). It needs `/proc`.
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn set_times(&self, path: impl AsRef<Path>, times: Times) -> Result<(), Error> {
        let work = move |base: &Base, path: &Path, _: &Task<'_>| {
            let file = base.find(path, LOOK)?;
            let times = times.try_into()?;
            rustix::fs::utimensat(CWD, by_descriptor(&file), &times, AtFlags::empty())
                .map_err(io::Error::from)?;
            Ok(())
        };
        self.ask(Operation::SetTimes, path.as_ref(), work).await
    }

    /// [`Fs::chown`](crate::Fs::chown).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn chown(
        &self,
        path: impl AsRef<Path>,
        user: Option<u32>,
        group: Option<u32>,
    ) -> Result<(), Error> {
        let work = move |base: &Base, path: &Path, _: &Task<'_>| {
            let file = base.find(path, LOOK)?;
            let (user, group) = (user.map(Uid::from_raw), group.map(Gid::from_raw));
            rustix::fs::chownat(&file, "", user, group, AtFlags::EMPTY_PATH).map_err(io::Error::from)?;
            Ok(())
        };
        self.ask(Operation::Chown, path.as_ref(), work).await
    }
}

fn list(base: &Base, path: &Path, limit: usize) -> Result<Vec<Entry>, Fault> {
    use std::os::unix::ffi::OsStrExt;

    let directory = base.find(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)?;
    let mut entries = Vec::new();
    for entry in Dir::read_from(&directory).map_err(io::Error::from)? {
        let entry = entry.map_err(io::Error::from)?;
        let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                // Removed meanwhile.
                Err(Errno::NOENT) => continue,
                stat => FileType::from_raw_mode(stat.map_err(io::Error::from)?.st_mode),
            },
            known => known,
        };
        let kind = match kind {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            _ => EntryKind::Other,
        };
        push_within(&mut entries, limit, Entry { name: name.to_owned(), kind })?;
    }
    Ok(sorted(entries))
}
