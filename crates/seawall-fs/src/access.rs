#![cfg(unix)]

use std::io;
use std::ops::BitOr;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, accessat};
use seawall_core::Error;

use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Whether this process may do all of `access` with what is there; `false` when nothing is there.
    ///
    /// It asks with the rights that opening it would be done with. By the time it is opened the answer may be another
    /// one, so this is for a hint to people; a program opens it and sees.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn access(&self, path: impl AsRef<Path>, access: Access) -> Result<bool, Error> {
        let work =
            move |task: &Task<'_>| match accessat(CWD, &*task.label.path, access.into(), AtFlags::EACCESS)
                .map_err(io::Error::from)
            {
                Ok(()) => Ok(true),
                Err(cause) if says_no(&cause) => Ok(false),
                Err(cause) => Err(cause.into()),
            };
        self.ask(FsRequest::new(Operation::Access, path.as_ref(), work)).await
    }
}

fn says_no(cause: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(cause.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem)
}

/// What somebody would do with a file or directory: `Access::READ | Access::WRITE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    read: bool,
    write: bool,
    execute: bool,
}

impl Access {
    /// Nothing but find it.
    pub const EXISTS: Self = Self { read: false, write: false, execute: false };
    /// Read it.
    pub const READ: Self = Self { read: true, ..Self::EXISTS };
    /// Write it.
    pub const WRITE: Self = Self { write: true, ..Self::EXISTS };
    /// Run it, or for a directory pass through it.
    pub const EXECUTE: Self = Self { execute: true, ..Self::EXISTS };
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            write: self.write || other.write,
            execute: self.execute || other.execute,
        }
    }
}

impl From<Access> for rustix::fs::Access {
    fn from(access: Access) -> Self {
        let mut flags = Self::EXISTS;
        flags.set(Self::READ_OK, access.read);
        flags.set(Self::WRITE_OK, access.write);
        flags.set(Self::EXEC_OK, access.execute);
        flags
    }
}
