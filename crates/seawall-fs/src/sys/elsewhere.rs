use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;

/// Whether there are calls that never wait for a device.
pub(crate) const HAS_CACHED_CALLS: bool = false;

/// The processor time that this process has used.
pub(crate) fn processor_time() -> Option<Duration> {
    None
}

pub(crate) fn open_cached(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn open_without_waiting(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn look_up_cached(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn look_up(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn regular_length(file: &File) -> Option<u64> {
    let metadata = file.metadata().ok()?;
    metadata.is_file().then(|| metadata.len())
}

pub(crate) fn is_at_end(_: &File) -> bool {
    false
}

pub(crate) fn read_cached(_: &File, _: &mut BytesMut, _: usize, _: Option<u64>) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Appends at most `count` bytes from `offset` on to `buffer`, in one call; none at the end of the file.
pub(crate) fn read_at(file: &File, buffer: &mut BytesMut, count: usize, offset: u64) -> io::Result<usize> {
    let before = buffer.len();
    buffer.resize(before + count, 0);
    #[cfg(unix)]
    let result = std::os::unix::fs::FileExt::read_at(file, &mut buffer[before..], offset);
    #[cfg(windows)]
    let result = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[before..], offset);
    buffer.truncate(before + result.as_ref().copied().unwrap_or(0));
    result
}

/// The same from where the file stands.
pub(crate) fn read(mut file: &File, buffer: &mut BytesMut, count: usize) -> io::Result<usize> {
    let before = buffer.len();
    buffer.resize(before + count, 0);
    let result = file.read(&mut buffer[before..]);
    buffer.truncate(before + result.as_ref().copied().unwrap_or(0));
    result
}

pub(crate) fn is_local(_: &File) -> bool {
    false
}

pub(crate) fn device(_: &File) -> Option<u64> {
    None
}

pub(crate) fn sync_file_system(_: &File) -> Option<io::Result<()>> {
    None
}
