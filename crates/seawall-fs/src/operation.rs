use std::fmt;

use seawall_core::Idempotency;

/// Which operation a request asks for: its name in errors and telemetry, and what a policy must know about it.
///
/// The methods of [`Fs`](crate::Fs) say what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Read a whole file.
    Read,
    /// Replace a file as a whole.
    WriteAtomic,
    /// Open a file to stream it.
    Stream,
    /// Begin to replace a file piece by piece.
    AtomicWriter,
    /// Open a file to write at its end.
    Append,
    /// Ask about a file or directory.
    Metadata,
    /// Remove a file.
    Remove,
    /// Make a directory and those above it.
    CreateDirAll,
    /// List a directory.
    List,
}

impl Operation {
    /// The operation's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::WriteAtomic => "write_atomic",
            Self::Stream => "stream",
            Self::AtomicWriter => "atomic_writer",
            Self::Append => "append",
            Self::Metadata => "metadata",
            Self::Remove => "remove",
            Self::CreateDirAll => "create_dir_all",
            Self::List => "list",
        }
    }

    /// Whether it changes what is on the device.
    pub const fn writes(self) -> bool {
        match self {
            Self::WriteAtomic | Self::AtomicWriter | Self::Append | Self::Remove | Self::CreateDirAll => true,
            Self::Read | Self::Stream | Self::Metadata | Self::List => false,
        }
    }

    /// Whether it may be tried again after it failed, or was done and its answer was lost.
    ///
    /// Those that change something begin anew each time: `write_atomic` with a new temporary file, and a `remove`
    /// whose first attempt failed half-way takes a file that is gone by then as removed.
    pub const fn idempotency(self) -> Idempotency {
        match self {
            Self::Read
            | Self::WriteAtomic
            | Self::Stream
            | Self::AtomicWriter
            | Self::Append
            | Self::Metadata
            | Self::Remove
            | Self::CreateDirAll
            | Self::List => Idempotency::Idempotent,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
