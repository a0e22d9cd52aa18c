use std::fs::{self, Permissions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use seawall_core::Error;

use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Changes who may read, write and run it. Symbolic links are followed.
    ///
    /// # Errors
    /// When nothing is there, or it belongs to somebody else.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been done or not.
    pub async fn set_permissions(
        &self,
        path: impl AsRef<Path>,
        permissions: Permissions,
    ) -> Result<(), Error> {
        let work = move |task: &Task<'_>| Ok(fs::set_permissions(&task.label.path, permissions.clone())?);
        self.ask(FsRequest::new(Operation::SetPermissions, path.as_ref(), work)).await
    }

    /// Changes the times it says it was read and written at. Symbolic links are followed.
    ///
    /// # Errors
    /// As [`set_permissions`](Self::set_permissions).
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been done or not.
    pub async fn set_times(&self, path: impl AsRef<Path>, times: Times) -> Result<(), Error> {
        let work = move |task: &Task<'_>| Ok(set_times(&task.label.path, times)?);
        self.ask(FsRequest::new(Operation::SetTimes, path.as_ref(), work)).await
    }

    /// Gives it to another user, another group, or both. Symbolic links are followed.
    ///
    /// # Errors
    /// When nothing is there, or the process may not give it away.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been done or not.
    #[cfg(unix)]
    pub async fn chown(
        &self,
        path: impl AsRef<Path>,
        user: Option<u32>,
        group: Option<u32>,
    ) -> Result<(), Error> {
        let work = move |task: &Task<'_>| Ok(std::os::unix::fs::chown(&task.label.path, user, group)?);
        self.ask(FsRequest::new(Operation::Chown, path.as_ref(), work)).await
    }

    /// [`chown`](Self::chown) of a symbolic link itself.
    ///
    /// # Errors
    /// As [`chown`](Self::chown).
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been done or not.
    #[cfg(unix)]
    pub async fn lchown(
        &self,
        path: impl AsRef<Path>,
        user: Option<u32>,
        group: Option<u32>,
    ) -> Result<(), Error> {
        let work = move |task: &Task<'_>| Ok(std::os::unix::fs::lchown(&task.label.path, user, group)?);
        self.ask(FsRequest::new(Operation::Chown, path.as_ref(), work)).await
    }
}

/// The times of a file that can be set; those that are `None` stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// When it was last read.
    pub accessed: Option<SystemTime>,
    /// When its content was last changed.
    pub modified: Option<SystemTime>,
}

/// By its path, since the owner may set the times of a file that cannot be opened.
#[cfg(unix)]
fn set_times(path: &Path, times: Times) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, utimensat};
    Ok(utimensat(CWD, path, &times.try_into()?, AtFlags::empty())?)
}

#[cfg(not(unix))]
fn set_times(path: &Path, times: Times) -> io::Result<()> {
    fs::File::options().write(true).open(path)?.set_times(times.into())
}

impl From<Times> for fs::FileTimes {
    fn from(times: Times) -> Self {
        let mut converted = Self::new();
        if let Some(accessed) = times.accessed {
            converted = converted.set_accessed(accessed);
        }
        if let Some(modified) = times.modified {
            converted = converted.set_modified(modified);
        }
        converted
    }
}

#[cfg(unix)]
impl TryFrom<Times> for rustix::fs::Timestamps {
    type Error = io::Error;

    fn try_from(times: Times) -> io::Result<Self> {
        Ok(Self { last_access: timespec(times.accessed)?, last_modification: timespec(times.modified)? })
    }
}

#[cfg(unix)]
fn timespec(time: Option<SystemTime>) -> io::Result<rustix::fs::Timespec> {
    use rustix::fs::{Timespec, UTIME_OMIT};

    let Some(time) = time else { return Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }) };
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => {
            let seconds = after.as_secs().try_into().map_err(invalid)?;
            Ok(Timespec { tv_sec: seconds, tv_nsec: after.subsec_nanos().into() })
        }
        // Nanoseconds count forwards, before 1970 too.
        Err(before) => {
            let (seconds, nanoseconds) = (before.duration().as_secs(), before.duration().subsec_nanos());
            let seconds = -i64::try_from(seconds).map_err(invalid)?;
            Ok(match nanoseconds {
                0 => Timespec { tv_sec: seconds, tv_nsec: 0 },
                some => Timespec { tv_sec: seconds - 1, tv_nsec: (1_000_000_000 - some).into() },
            })
        }
    }
}
