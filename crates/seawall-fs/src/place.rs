//! Questions about the place that a path names: whether it is another's too, a mount, and what room is left there.
#![cfg(unix)]

use std::fs;
use std::io;
use std::path::Path;

use seawall_core::Error;

use crate::identity::Identity;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// Whether two paths name the same file or directory, by whatever names and links.
    ///
    /// # Errors
    /// When nothing is at one of them.
    pub async fn same_file(&self, one: impl AsRef<Path>, other: impl AsRef<Path>) -> Result<bool, Error> {
        let other = other.as_ref().to_owned();
        let work = move |task: &Task<'_>| {
            let (one, other) = (fs::metadata(&task.label.path)?, fs::metadata(&other)?);
            Ok(Identity::of(&one) == Identity::of(&other))
        };
        self.ask(FsRequest::new(Operation::SameFile, one.as_ref(), work)).await
    }

    /// Whether another file system, or another part of one, is mounted there; `false` for what is not there and for a
    /// symbolic link.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn is_mount(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        let work = |task: &Task<'_>| match is_mount(&task.label.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            result => Ok(result?),
        };
        self.ask(FsRequest::new(Operation::IsMount, path.as_ref(), work)).await
    }

    /// How much room there is on the file system of a path, as `statvfs` says.
    ///
    /// # Errors
    /// When nothing is there.
    pub async fn space(&self, path: impl AsRef<Path>) -> Result<Space, Error> {
        let work = |task: &Task<'_>| {
            let answer = rustix::fs::statvfs(&*task.label.path).map_err(io::Error::from)?;
            Ok(Space::from(answer))
        };
        self.ask(FsRequest::new(Operation::Space, path.as_ref(), work)).await
    }
}

/// The room on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Space {
    /// All of its bytes.
    pub total: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that are free for those who are not the superuser; less than `free` where some are reserved.
    pub available: u64,
    /// All files that it can hold; 0 where there is no such limit.
    pub total_files: u64,
    /// How many more files it can hold.
    pub available_files: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

impl From<rustix::fs::StatVfs> for Space {
    fn from(answer: rustix::fs::StatVfs) -> Self {
        Self {
            total: answer.f_blocks.saturating_mul(answer.f_frsize),
            free: answer.f_bfree.saturating_mul(answer.f_frsize),
            available: answer.f_bavail.saturating_mul(answer.f_frsize),
            total_files: answer.f_files,
            available_files: answer.f_favail,
            read_only: answer.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        }
    }
}

fn is_mount(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(false);
    }
    if let Some(answer) = says_the_kernel(path) {
        return Ok(answer);
    }
    if !metadata.is_dir() {
        return Ok(false);
    }
    // A mount is on another device than the directory above it; the root is its own.
    let (here, above) = (Identity::of(&metadata), Identity::of(&fs::symlink_metadata(path.join(".."))?));
    Ok(!here.is_on_the_device_of(above) || here == above)
}

/// Linux knows since 5.8, parts of the same file system mounted twice included.
#[cfg(target_os = "linux")]
fn says_the_kernel(path: &Path) -> Option<bool> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    let answer = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE).ok()?;
    let known = answer.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    known.then(|| answer.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn says_the_kernel(_: &Path) -> Option<bool> {
    None
}
