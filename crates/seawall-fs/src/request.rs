use std::ffi::OsString;
use std::fmt;
use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Appender, AtomicWriter, FileReader};

/// What is asked of the file system: an operation and the path it is about. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FsRequest {
    /// The file or directory.
    pub path: Arc<Path>,
    /// What to do with it.
    pub operation: Operation,
}

impl FsRequest {
    /// A request for `operation` on `path`.
    pub fn new(path: impl AsRef<Path>, operation: Operation) -> Self {
        Self { path: Arc::from(path.as_ref()), operation }
    }
}

/// What to do with a file or directory. The methods of [`Fs`](crate::Fs) say what each does.
#[derive(Clone)]
#[non_exhaustive]
pub enum Operation {
    /// Read a whole file; answered by [`FsResponse::Content`].
    Read {
        /// The most bytes it may have.
        limit: u64,
    },
    /// Replace a file as a whole; answered by [`FsResponse::Done`].
    WriteAtomic {
        /// What it shall hold.
        content: Bytes,
    },
    /// Open a file to stream it; answered by [`FsResponse::Reader`].
    Stream {
        /// The byte to begin with.
        offset: u64,
    },
    /// Begin to replace a file piece by piece; answered by [`FsResponse::AtomicWriter`].
    AtomicWriter,
    /// Open a file to write at its end; answered by [`FsResponse::Appender`].
    Append,
    /// Ask about a file or directory; answered by [`FsResponse::Metadata`].
    Metadata,
    /// Remove a file; answered by [`FsResponse::Done`].
    Remove,
    /// Make a directory and those above it; answered by [`FsResponse::Done`].
    CreateDirAll,
    /// List a directory; answered by [`FsResponse::Entries`].
    List {
        /// The most entries it may have.
        limit: usize,
    },
}

impl Operation {
    /// The operation's name in errors and telemetry.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::WriteAtomic { .. } => "write_atomic",
            Self::Stream { .. } => "stream",
            Self::AtomicWriter => "atomic_writer",
            Self::Append => "append",
            Self::Metadata => "metadata",
            Self::Remove => "remove",
            Self::CreateDirAll => "create_dir_all",
            Self::List { .. } => "list",
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By name only: the content of a file does not belong in a log.
        f.write_str(self.name())
    }
}

/// What the file system answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum FsResponse {
    /// It is done, and there is nothing more to say.
    Done,
    /// The content of a file.
    Content(Bytes),
    /// A file opened to be streamed.
    Reader(FileReader),
    /// The begun replacement of a file.
    AtomicWriter(AtomicWriter),
    /// A file opened to be written at its end.
    Appender(Appender),
    /// What the file system knows about a file or directory.
    Metadata(Metadata),
    /// The entries of a directory, by name.
    Entries(Vec<Entry>),
}

impl FsResponse {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Content(_) => "content",
            Self::Reader(_) => "reader",
            Self::AtomicWriter(_) => "atomic writer",
            Self::Appender(_) => "appender",
            Self::Metadata(_) => "metadata",
            Self::Entries(_) => "entries",
        }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name within the directory.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
}

/// What a directory entry is. A symbolic link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe, a socket.
    Other,
}
