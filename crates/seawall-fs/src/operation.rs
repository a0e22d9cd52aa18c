use std::fmt;

use seawall_core::Idempotency;

use crate::engine::Lane;

/// Which operation a request asks for: its name in errors and telemetry, and what a policy must know about it.
///
/// The methods of [`Fs`](crate::Fs) say what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    // Reading.
    /// Read a whole file.
    Read,
    /// Open a file to stream it.
    Stream,
    /// Open a file to stream its lines.
    Lines,

    // Writing.
    /// Write a whole file in place.
    Write,
    /// Write many whole files in place.
    WriteMany,
    /// Replace a file as a whole.
    WriteAtomic,
    /// Replace many files as a whole each.
    WriteAtomicMany,
    /// Begin to replace a file piece by piece.
    AtomicWriter,
    /// Open a file to write at its end.
    Append,

    // Logs of records.
    /// Open a log to append records to.
    AppendLog,
    /// Open a log to read its records.
    LogRecords,

    // Trees, and copies.
    /// Copy a file.
    Copy,
    /// Copy a directory with all that is in it.
    CopyTree,
    /// Remove a directory with all that is in it.
    RemoveTree,
    /// Walk a directory and those below it.
    Walk,
    /// Begin to watch a directory and those below it.
    Watch,

    // About files and directories.
    /// Ask about a file or directory.
    Metadata,
    /// Remove a file.
    Remove,
    /// Make a directory and those above it.
    CreateDirAll,
    /// List a directory.
    List,
    /// Read whole files.
    ReadMany,
    /// Ask about files and directories.
    StatMany,

    // Names.
    /// Give a file or directory another name.
    Rename,
    /// Give a file or directory a name that nothing has yet.
    RenameNew,
    /// Rename, and make and remove the directories above.
    Renames,
    /// Give a file a further name.
    HardLink,
    /// Make a symbolic link.
    Symlink,
    /// Read a symbolic link.
    ReadLink,
    /// Find the absolute path without links.
    Canonicalize,

    // Directories.
    /// Make a directory.
    CreateDir,
    /// Remove an empty directory.
    RemoveDir,
    /// Remove an empty directory and the empty ones above it.
    RemoveDirs,
    /// List a directory with the metadata of each entry.
    Entries,

    // What is known about a file, and what of it can be set.
    /// Ask about a file, directory or symbolic link.
    SymlinkMetadata,
    /// Whether two paths name the same file.
    SameFile,
    /// Whether a path is a mount point.
    IsMount,
    /// Whether this process has a right.
    Access,
    /// How much room there is.
    Space,
    /// Change who may read, write and run it.
    SetPermissions,
    /// Change its times.
    SetTimes,
    /// Change whose it is.
    Chown,

    // Open files.
    /// Open a file to read it.
    Open,
    /// Open a file to write it, too.
    OpenToWrite,
    /// Make and open a file that is not there yet.
    CreateNew,
    /// Read from an open file.
    ReadAt,
    /// Write to an open file.
    WriteAt,
    /// Cut an open file off, or lengthen it.
    SetLen,
    /// Make the content of an open file durable.
    Sync,
    /// Move the cursor of an open file.
    Seek,
    /// Lock an open file.
    Lock,
    /// Release the lock of an open file.
    Unlock,

    // Directories that paths stay in, and things that go by themselves.
    /// Open a directory that paths stay in.
    OpenRoot,
    /// Make a temporary file.
    TemporaryFile,
    /// Make a temporary directory.
    TemporaryDir,
    /// Remove a temporary directory with all that is in it.
    RemoveTemporaryDir,
    /// Map a file into memory.
    Map,
    /// Do work of the caller's own.
    Run,
}

/// Whether an operation takes room on the device of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It does, and is not even tried while the device is full.
    Needed,
    /// It may, and may make some: it is tried.
    Perhaps,
    /// It does not, or its work asks by itself.
    Unasked,
}

impl Operation {
    /// The operation's name.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// Whether it changes what is on the device.
    pub const fn writes(self) -> bool {
        self.facts().1
    }

    /// Whether it takes room on the device of its path.
    pub(crate) const fn room(self) -> Room {
        match self {
            Self::Write
            | Self::WriteAtomic
            | Self::AtomicWriter
            | Self::Append
            | Self::AppendLog
            | Self::CreateDir
            | Self::CreateNew
            | Self::Symlink
            | Self::HardLink
            | Self::TemporaryFile
            | Self::TemporaryDir => Room::Needed,
            // Each of their files is asked about, or the file that is open.
            Self::WriteMany | Self::WriteAtomicMany | Self::Copy | Self::CopyTree | Self::WriteAt => {
                Room::Unasked
            }
            // Removing makes room, and so may all the others that write.
            _ if self.writes() => Room::Perhaps,
            _ => Room::Unasked,
        }
    }

    /// Whose threads do it.
    pub(crate) const fn lane(self) -> Lane {
        match self {
            Self::WriteAtomic | Self::Sync => Lane::Sync,
            _ => Lane::Usual,
        }
    }

    /// Whether it may be tried again after it failed, or was done and its answer was lost.
    ///
    /// Those that change something begin anew each time: `write_atomic` with a new temporary file, and a `remove`
    /// whose first attempt failed half-way takes a file that is gone by then as removed. A second `rename` or
    /// `hard_link` knows the file by its number. A second `create_dir` or `symlink` could not tell its own from
    /// somebody else's, nor a second `create_new`: they are tried again only after errors that say that nothing was
    /// made. A second `write_at` writes what the first has left.
    pub const fn idempotency(self) -> Idempotency {
        self.facts().2
    }

    /// Its name, whether it writes, and whether it may be tried again.
    const fn facts(self) -> (&'static str, bool, Idempotency) {
        const READS: bool = false;
        const WRITES: bool = true;
        const AGAIN: Idempotency = Idempotency::Idempotent;
        const ONCE: Idempotency = Idempotency::NotIdempotent;
        // Where files have numbers that the standard library tells.
        const BY_NUMBER: Idempotency = if cfg!(unix) { AGAIN } else { ONCE };
        match self {
            // Reading.
            Self::Read => ("read", READS, AGAIN),
            Self::Stream => ("stream", READS, AGAIN),
            Self::Lines => ("lines", READS, AGAIN),

            // Writing.
            Self::Write => ("write", WRITES, AGAIN),
            Self::WriteMany => ("write_many", WRITES, AGAIN),
            Self::WriteAtomic => ("write_atomic", WRITES, AGAIN),
            Self::WriteAtomicMany => ("write_atomic_many", WRITES, AGAIN),
            Self::AtomicWriter => ("atomic_writer", WRITES, AGAIN),
            Self::Append => ("append", WRITES, AGAIN),

            // Logs of records.
            Self::AppendLog => ("append_log", WRITES, AGAIN),
            Self::LogRecords => ("log_records", READS, AGAIN),

            // Trees, and copies.
            Self::Copy => ("copy", WRITES, AGAIN),
            Self::CopyTree => ("copy_tree", WRITES, AGAIN),
            Self::RemoveTree => ("remove_tree", WRITES, AGAIN),
            Self::Walk => ("walk", READS, AGAIN),
            Self::Watch => ("watch", READS, AGAIN),

            // About files and directories.
            Self::Metadata => ("metadata", READS, AGAIN),
            Self::Remove => ("remove", WRITES, AGAIN),
            Self::CreateDirAll => ("create_dir_all", WRITES, AGAIN),
            Self::List => ("list", READS, AGAIN),
            Self::ReadMany => ("read_many", READS, AGAIN),
            Self::StatMany => ("stat_many", READS, AGAIN),

            // Names.
            Self::Rename => ("rename", WRITES, BY_NUMBER),
            Self::RenameNew => ("rename_new", WRITES, BY_NUMBER),
            Self::Renames => ("renames", WRITES, BY_NUMBER),
            Self::HardLink => ("hard_link", WRITES, BY_NUMBER),
            Self::Symlink => ("symlink", WRITES, ONCE),
            Self::ReadLink => ("read_link", READS, AGAIN),
            Self::Canonicalize => ("canonicalize", READS, AGAIN),

            // Directories.
            Self::CreateDir => ("create_dir", WRITES, ONCE),
            Self::RemoveDir => ("remove_dir", WRITES, AGAIN),
            Self::RemoveDirs => ("remove_dirs", WRITES, AGAIN),
            Self::Entries => ("entries", READS, AGAIN),

            // What is known about a file, and what of it can be set.
            Self::SymlinkMetadata => ("symlink_metadata", READS, AGAIN),
            Self::SameFile => ("same_file", READS, AGAIN),
            Self::IsMount => ("is_mount", READS, AGAIN),
            Self::Access => ("access", READS, AGAIN),
            Self::Space => ("space", READS, AGAIN),
            Self::SetPermissions => ("set_permissions", WRITES, AGAIN),
            Self::SetTimes => ("set_times", WRITES, AGAIN),
            Self::Chown => ("chown", WRITES, AGAIN),

            // Open files.
            Self::Open => ("open", READS, AGAIN),
            Self::OpenToWrite => ("open_to_write", WRITES, AGAIN),
            Self::CreateNew => ("create_new", WRITES, ONCE),
            Self::ReadAt => ("read_at", READS, AGAIN),
            Self::WriteAt => ("write_at", WRITES, AGAIN),
            Self::SetLen => ("set_len", WRITES, AGAIN),
            Self::Sync => ("sync", WRITES, AGAIN),
            Self::Seek => ("seek", READS, AGAIN),
            Self::Lock => ("lock", READS, AGAIN),
            Self::Unlock => ("unlock", READS, AGAIN),

            // Directories that paths stay in, and things that go by themselves.
            Self::OpenRoot => ("open_root", READS, AGAIN),
            Self::TemporaryFile => ("temporary_file", WRITES, AGAIN),
            Self::TemporaryDir => ("temporary_dir", WRITES, AGAIN),
            Self::RemoveTemporaryDir => ("remove_temporary_dir", WRITES, AGAIN),
            Self::Map => ("map", READS, AGAIN),
            Self::Run => ("run", WRITES, ONCE),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
