//! The system's calls that read and write an open file. All of them block.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, Seek, Write};

use bytes::{Buf, Bytes, BytesMut};

use super::open::How;
use crate::sys;

/// More slices than this the kernel does not take in one call.
const SLICES: usize = 64;

/// Memory is asked for in steps, so that a length that somebody made up does not ask for all of it at once.
const STEP: usize = 8 * 1024 * 1024;

/// Reads what one call gives of a file that has no positions, nothing at its end.
pub(super) fn read_next(file: &File, count: usize) -> io::Result<BytesMut> {
    let mut content = BytesMut::new();
    sys::read(file, &mut content, count.min(STEP))?;
    Ok(content)
}

/// Appends `count` bytes from `offset` on to `content`, fewer only at the end of the file.
pub(super) fn read_fully(file: &File, content: &mut BytesMut, offset: u64, count: usize) -> io::Result<()> {
    let begin = content.len();
    while content.len() - begin < count {
        let done = content.len() - begin;
        if sys::read_at(file, content, (count - done).min(STEP), offset.saturating_add(done as u64))? == 0 {
            break;
        }
    }
    Ok(())
}

/// Writes all of `chunks`, and takes away what is written, so that after an error the rest is left. `offset` moves on.
pub(super) fn write_out(
    mut file: &File,
    how: How,
    offset: &mut u64,
    chunks: &mut VecDeque<Bytes>,
) -> io::Result<()> {
    while let Some(first) = chunks.front() {
        if first.is_empty() {
            chunks.pop_front();
            continue;
        }
        let slices: Vec<_> = chunks.iter().take(SLICES).map(|chunk| IoSlice::new(chunk)).collect();
        let written = match how {
            How::Reading | How::Writing => write_at(file, &slices, *offset),
            How::Appending | How::InSequence => file.write_vectored(&slices),
        };
        let mut written = match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        *offset += written as u64;
        while let Some(first) = chunks.front_mut().filter(|_| written > 0) {
            let step = written.min(first.len());
            first.advance(step);
            written -= step;
            if first.is_empty() {
                chunks.pop_front();
            }
        }
    }
    if how == How::Appending {
        // Others may have written at the end too.
        *offset = file.stream_position()?;
    }
    Ok(())
}

#[cfg(unix)]
fn write_at(file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    Ok(rustix::io::pwritev(file, slices, offset)?)
}

#[cfg(windows)]
fn write_at(file: &File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    use std::os::windows::fs::FileExt;

    slices.first().map_or(Ok(0), |first| file.seek_write(first, offset))
}
