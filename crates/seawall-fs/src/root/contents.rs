//! What a root offers to read and write files, and to ask about them.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use seawall_core::Error;

use super::Root;
use super::base::{self, Base, LOOK, by_descriptor};
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
            Ok(Opened::new(open(base, path, options)?, options, task))
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
            let file = open(base, path, OpenOptions::reading())?;
            read::whole(&file, sys::regular_length(&file), limit, task.abandoned)
        };
        self.ask(Operation::Read, path.as_ref(), work).await
    }

    /// [`Fs::metadata`](crate::Fs::metadata).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        self.ask(Operation::Metadata, path.as_ref(), |base, path, _| base::metadata(base.find(path, LOOK)?))
            .await
    }

    /// [`Fs::symlink_metadata`](crate::Fs::symlink_metadata).
    ///
    /// # Errors
    /// As there, and when the path leads out of the root.
    pub async fn symlink_metadata(&self, path: impl AsRef<Path>) -> Result<Metadata, Error> {
        let itself = LOOK | OFlags::NOFOLLOW;
        let work = move |base: &Base, path: &Path, _: &Task<'_>| base::metadata(base.find(path, itself)?);
        self.ask(Operation::SymlinkMetadata, path.as_ref(), work).await
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
        let work = |base: &Base, path: &Path, _: &Task<'_>| {
            use std::os::unix::ffi::OsStringExt;

            let place = base.place(path)?;
            let (directory, name) = place.at();
            let target = rustix::fs::readlinkat(directory, name, Vec::new()).map_err(io::Error::from)?;
            Ok(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
        };
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
        let work = move |base: &Base, path: &Path, _: &Task<'_>| {
            Ok(fs::set_permissions(by_descriptor(&base.find(path, LOOK)?), permissions.clone())?)
        };
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

fn open(base: &Base, path: &Path, options: OpenOptions) -> Result<fs::File, Fault> {
    let flags = flags(options).map_err(io::Error::from)?;
    let mode = if flags.contains(OFlags::CREATE) {
        Mode::from_raw_mode(options.mode.unwrap_or(0o666))
    } else {
        Mode::empty()
    };
    // Opening a pipe would wait for the process at its other end; so it does not wait, and is looked at afterwards.
    let file = fs::File::from(base.make(path, flags | OFlags::NONBLOCK, mode)?);
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from(Errno::ISDIR).into());
    }
    if kind.is_fifo() || kind.is_socket() {
        return Err(Fault::invalid("a pipe or socket: it may block for ever"));
    }
    if !flags.contains(OFlags::NONBLOCK) {
        let waiting = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from)? - OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&file, waiting).map_err(io::Error::from)?;
    }
    Ok(file)
}

/// The same combinations are allowed as by the standard library.
fn flags(options: OpenOptions) -> Result<OFlags, Errno> {
    let OpenOptions { read, write, append, truncate, create, create_new, mode: _, custom_flags } = options;
    let access = match (read, write, append) {
        (true, false, false) => OFlags::RDONLY,
        (false, true, false) => OFlags::WRONLY,
        (true, true, false) => OFlags::RDWR,
        (false, _, true) => OFlags::WRONLY | OFlags::APPEND,
        (true, _, true) => OFlags::RDWR | OFlags::APPEND,
        (false, false, false) => return Err(Errno::INVAL),
    };
    let makes = truncate || create || create_new;
    if (makes && !write && !append) || (append && truncate && !create_new) {
        return Err(Errno::INVAL);
    }
    let how = match (create_new, create, truncate) {
        (true, _, _) => OFlags::CREATE | OFlags::EXCL,
        (false, true, true) => OFlags::CREATE | OFlags::TRUNC,
        (false, true, false) => OFlags::CREATE,
        (false, false, true) => OFlags::TRUNC,
        (false, false, false) => OFlags::empty(),
    };
    let custom = OFlags::from_bits_retain(custom_flags.cast_unsigned()) - OFlags::RWMODE;
    Ok(access | how | custom | OFlags::CLOEXEC)
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
