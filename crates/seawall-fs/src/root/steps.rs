//! Opens a path step by step, from open directory to open directory, so that no step can lead out: for kernels without
//! `openat2`.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::base::{LOOK, outside};
use crate::fault::Fault;

/// The kernel follows so many symbolic links in one path, too.
const MOST_LINKS: usize = 40;

enum Step {
    Down(OsString),
    Up,
    /// Behind a name, it says that the name is a directory's.
    Stay,
}

/// Opens `path` below `root`. Links that stay inside are followed.
pub(super) fn open(root: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Fault> {
    let mut steps = split(path)?;
    // The way down; `..` goes back by it, and not by what the directory says is above it by now.
    let mut way: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(step) = steps.pop_front() {
        let name = match step {
            Step::Up if way.pop().is_none() => return Err(outside()),
            Step::Up | Step::Stay => continue,
            Step::Down(name) => name,
        };
        let here = way.last().map_or(root, |directory| directory.as_fd());
        let last = steps.is_empty();
        let opened = if last {
            openat(here, &name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode)
        } else {
            openat(here, &name, LOOK | OFlags::NOFOLLOW | OFlags::DIRECTORY, Mode::empty())
        };
        let follows = !(last && flags.contains(OFlags::NOFOLLOW));
        match opened {
            // To look at a link opens the link itself.
            Ok(file) if follows && is_link(&file)? => {}
            Ok(file) if last => return Ok(file),
            Ok(directory) => {
                way.push(directory);
                continue;
            }
            Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) if follows => {}
            Err(cause) => return Err(io::Error::from(cause).into()),
        }
        let target = match readlinkat(here, &name, Vec::new()) {
            Ok(target) => OsString::from_vec(target.into_bytes()),
            // No link, or not any more: then it is a file where a directory is needed.
            Err(Errno::INVAL) => return Err(io::Error::from(Errno::NOTDIR).into()),
            Err(cause) => return Err(io::Error::from(cause).into()),
        };
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::from(Errno::LOOP).into());
        }
        for step in split(Path::new(&target))?.into_iter().rev() {
            steps.push_front(step);
        }
    }
    // The path ended in `.` or `..`.
    let here = way.last().map_or(root, |directory| directory.as_fd());
    Ok(openat(here, OsStr::from_bytes(b"."), flags | OFlags::CLOEXEC, mode).map_err(io::Error::from)?)
}

fn split(path: &Path) -> Result<VecDeque<Step>, Fault> {
    let steps = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(Ok(Step::Down(name.to_owned()))),
        Component::ParentDir => Some(Ok(Step::Up)),
        Component::CurDir => None,
        Component::RootDir | Component::Prefix(_) => Some(Err(outside())),
    });
    let mut steps = steps.collect::<Result<VecDeque<_>, _>>()?;
    let text = path.as_os_str().as_bytes();
    if text.ends_with(b"/") || text.ends_with(b"/.") {
        steps.push_back(Step::Stay);
    }
    Ok(steps)
}

fn is_link(file: &OwnedFd) -> Result<bool, Fault> {
    let stat = fstat(file).map_err(io::Error::from)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}
