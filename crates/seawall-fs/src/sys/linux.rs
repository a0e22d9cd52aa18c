use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::BytesMut;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat2, syncfs};
use rustix::io::retry_on_intr;
use rustix::system::uname;
use rustix::time::{ClockId, clock_gettime};

/// Whether there are calls that never wait for a device.
pub(crate) const HAS_CACHED_CALLS: bool = true;

/// The processor time that this process has used.
pub(crate) fn processor_time() -> Option<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// Opens a file to read if its path is in the kernel's cache, and else fails with `WouldBlock`. A symbolic link at the
/// end of the path is an error.
///
/// `RESOLVE_CACHED` is of Linux 5.12 (Axboe). `O_NONBLOCK` is for a pipe, whose opening would wait; nothing else that
/// is read minds it.
pub(crate) fn open_cached(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    Ok(File::from(cached(path, flags)?))
}

/// Opens a file to read, wherever it is; a pipe without waiting for its other end.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// The same as [`open_cached`] only to look at it; a symbolic link at the end of the path is opened itself.
pub(crate) fn look_up_cached(path: &Path) -> io::Result<File> {
    Ok(File::from(cached(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW)?))
}

/// Opens what is at a path only to look at it, wherever it is; a symbolic link at the end is opened itself.
pub(crate) fn look_up(path: &Path) -> io::Result<File> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(File::from(openat2(CWD, path, flags, Mode::empty(), ResolveFlags::empty())?))
}

/// The length of a regular file.
pub(crate) fn regular_length(file: &File) -> Option<u64> {
    let stat = fstat(file).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
        .then(|| u64::try_from(stat.st_size).ok())?
}

/// Whether a regular file stands at its end or behind.
pub(crate) fn is_at_end(file: &File) -> bool {
    let position = rustix::fs::tell(file);
    regular_length(file).is_some_and(|length| position.is_ok_and(|position| position >= length))
}

fn cached(path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED)
}

/// Appends at most `count` bytes to `buffer`, whose spare capacity must hold them: from `offset` on, or else from where
/// the file stands. What the page cache does not hold is not waited for, but is `WouldBlock`.
///
/// Less than `count` is not the end of the file, and nothing is the end only at or behind its length: the read of Linux
/// 5.9 and 5.10 may return nothing before (BUGS of readv(2)).
pub(crate) fn read_cached(
    file: &File,
    buffer: &mut BytesMut,
    count: usize,
    offset: Option<u64>,
) -> io::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let count = count.min(spare.len());
    let Ok(offset) = offset.map_or(Ok(-1), libc::off64_t::try_from) else {
        return Err(rustix::io::Errno::INVAL.into());
    };
    let slice = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: count };
    #[expect(unsafe_code, reason = "no safe wrapper takes memory that is not initialised yet")]
    // SAFETY: the one slice is the beginning of the spare capacity, which is ours alone to write to and at least
    // `count` long; the kernel writes no more than that and keeps no reference to it.
    let read = unsafe { libc::preadv64v2(file.as_raw_fd(), &raw const slice, 1, offset, libc::RWF_NOWAIT) };
    let Ok(read) = usize::try_from(read) else {
        return Err(io::Error::last_os_error());
    };
    #[expect(unsafe_code, reason = "says that the kernel has initialised what it has written")]
    // SAFETY: the kernel wrote `read` bytes, at most `count`, from the end of what was initialised on.
    unsafe {
        buffer.set_len(buffer.len() + read);
    }
    Ok(read)
}

/// Appends at most `count` bytes from `offset` on to `buffer`, in one call; none at the end of the file.
#[allow(dead_code, reason = "the file handle that asks for it is being built")]
pub(crate) fn read_at(file: &File, buffer: &mut BytesMut, count: usize, offset: u64) -> io::Result<usize> {
    append(buffer, count, |spare| Ok(rustix::io::pread(file, spare, offset)?.0.len()))
}

/// The same from where the file stands.
pub(crate) fn read(file: &File, buffer: &mut BytesMut, count: usize) -> io::Result<usize> {
    append(buffer, count, |spare| Ok(rustix::io::read(file, spare)?.0.len()))
}

/// Appends what `read` puts at the beginning of the memory it is given.
fn append(
    buffer: &mut BytesMut,
    count: usize,
    mut read: impl FnMut(&mut [MaybeUninit<u8>]) -> rustix::io::Result<usize>,
) -> io::Result<usize> {
    buffer.reserve(count);
    let spare = &mut buffer.spare_capacity_mut()[..count];
    let read = retry_on_intr(|| read(spare))?;
    #[expect(unsafe_code, reason = "says that the kernel has initialised what it has written")]
    // SAFETY: both callers return the length of what rustix says is initialised now, from the beginning on.
    unsafe {
        buffer.set_len(buffer.len() + read);
    }
    Ok(read)
}

/// Whether the file is on a file system of this machine, whose inodes and directories, once in the cache, are never
/// asked of anybody else. A network or user-space file system may ask its server whenever a file is opened.
pub(crate) fn is_local(file: &File) -> bool {
    const EXT: u64 = 0xEF53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683E;
    const F2FS: u64 = 0xF2F5_2010;
    const TMPFS: u64 = 0x0102_1994;
    let Ok(system) = fstatfs(file) else { return false };
    u64::try_from(system.f_type).is_ok_and(|kind| [EXT, XFS, BTRFS, F2FS, TMPFS].contains(&kind))
}

/// The number of the device that the file is on.
pub(crate) fn device(file: &File) -> Option<u64> {
    Some(fstat(file).ok()?.st_dev)
}

/// Makes everything on the file's file system durable. An error may be of any file that was written there.
///
/// `None` where it would not do: file systems that are elsewhere do not pass it on; before Linux 5.17 not all that goes
/// wrong is told (Wong, "vfs: make `sync_filesystem` return errors from `->sync_fs`"); and while others have much to
/// write, it would wait for all of that.
pub(crate) fn sync_file_system(file: &File) -> Option<io::Result<()>> {
    static TELLS_ERRORS: LazyLock<bool> = LazyLock::new(|| is_at_least((5, 17), uname().release()));
    const MUCH: u64 = 64 * 1024;
    let would_do =
        *TELLS_ERRORS && is_local(file) && unwritten_kib().is_some_and(|unwritten| unwritten < MUCH);
    would_do.then(|| Ok(syncfs(file)?))
}

/// How much of all files of this machine is in memory and not on its device yet, in KiB.
fn unwritten_kib() -> Option<u64> {
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name| -> Option<u64> {
        memory.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
    };
    Some(kib("Dirty:")? + kib("Writeback:")?)
}

/// Compares `MAJOR.MINOR` at the beginning of what a kernel says that it is.
fn is_at_least(version: (u32, u32), release: &CStr) -> bool {
    let release = release.to_string_lossy();
    let mut numbers = release.split(|char: char| !char.is_ascii_digit()).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_compared_by_the_first_two_numbers_of_their_release() {
        for (release, is) in [
            (c"5.17.0", true),
            (c"5.17-rc1+", true),
            (c"6.1.0-18-amd64", true),
            (c"10.0", true),
            (c"5.16.20", false),
            (c"4.19.0-26-amd64", false),
            (c"6", false),
            (c"", false),
        ] {
            assert_eq!(is_at_least((5, 17), release), is, "{release:?}");
        }
    }
}
