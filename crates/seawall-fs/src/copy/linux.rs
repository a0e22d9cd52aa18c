use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{
    FallocateFlags, SeekFrom as Place, copy_file_range, fallocate, fstatfs, ioctl_ficlone, seek, sendfile,
};
use rustix::io::Errno;

use crate::fault::Fault;

/// A caller who has gone is noticed, and progress is told, after this much.
const STEP: u64 = 8 * 1024 * 1024;
/// What is read and written where the kernel cannot copy by itself.
const BUFFER: usize = 1024 * 1024;

type Step<'a> = &'a mut dyn FnMut(u64) -> Result<(), Fault>;

pub(super) fn copy(source: &File, target: &File, metadata: &Metadata, step: Step<'_>) -> Result<u64, Fault> {
    // Whatever speaks against sharing the content, the next way will find out whether it matters.
    if ioctl_ficlone(target, source).is_ok() {
        let size = target.metadata()?.len();
        step(size)?;
        return Ok(size);
    }
    let mut copier = Copier { source, target, way: Way::CopyFileRange, buffer: Vec::new() };
    // A file with fewer blocks than its length needs has holes, or is compressed.
    if metadata.blocks() * 512 < metadata.len()
        && let Some(copied) = copier.without_holes(metadata.len(), step)?
    {
        return Ok(copied);
    }
    let reserved = reserve(target, metadata.len());
    let length = copier.range(0, u64::MAX, step)?;
    // Cut short meanwhile: what it does not need is given back.
    if reserved && length < metadata.len() {
        target.set_len(length)?;
    }
    Ok(length)
}

/// Has ext4 find the room for all of it at once, which takes a quarter off the time of looking for it page by page.
fn reserve(target: &File, length: u64) -> bool {
    const EXT: u64 = 0xEF53;
    let is_ext = fstatfs(target).is_ok_and(|system| u64::try_from(system.f_type) == Ok(EXT));
    // Without room for all of it, as much is copied as there is room for, and the error is the same as elsewhere.
    length >= STEP && is_ext && fallocate(target, FallocateFlags::KEEP_SIZE, 0, length).is_ok()
}

/// How to copy; when one is refused, the next one is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    CopyFileRange,
    SendFile,
    ReadAndWrite,
}

struct Copier<'a> {
    source: &'a File,
    target: &'a File,
    way: Way,
    buffer: Vec<u8>,
}

impl Copier<'_> {
    /// `None` where holes cannot be found.
    fn without_holes(&mut self, length: u64, step: Step<'_>) -> Result<Option<u64>, Fault> {
        let mut at = 0;
        while at < length {
            let data = match seek(self.source, Place::Data(at)) {
                Ok(data) => data.min(length),
                // Nothing but a hole from here on.
                Err(Errno::NXIO) => length,
                Err(Errno::INVAL | Errno::OPNOTSUPP) if at == 0 => return Ok(None),
                Err(cause) => return Err(std::io::Error::from(cause).into()),
            };
            step(data - at)?;
            if data == length {
                break;
            }
            let hole = seek(self.source, Place::Hole(data)).map_err(std::io::Error::from)?.min(length);
            let copied = self.range(data, hole, step)?;
            if copied < hole - data {
                // Cut short meanwhile: it ends here.
                self.target.set_len(data + copied)?;
                return Ok(Some(data + copied));
            }
            at = hole;
        }
        self.target.set_len(length)?;
        Ok(Some(length))
    }

    /// Copies from `start` to `end`, or to the end of the source.
    fn range(&mut self, start: u64, end: u64, step: Step<'_>) -> Result<u64, Fault> {
        let mut at = start;
        while at < end {
            let count = usize::try_from((end - at).min(STEP)).expect("8 MiB fit");
            let copied = self.some(at, count).map_err(std::io::Error::from)?;
            if copied == 0 {
                break;
            }
            at += copied as u64;
            step(copied as u64)?;
        }
        Ok(at - start)
    }

    /// Copies up to `count` bytes; nothing only at the end of the source.
    fn some(&mut self, at: u64, count: usize) -> Result<usize, Errno> {
        loop {
            let result = match self.way {
                Way::CopyFileRange => self.copy_file_range(at, count),
                Way::SendFile => self.send_file(at, count),
                Way::ReadAndWrite => return self.read_and_write(at, count),
            };
            match result {
                Err(Errno::INTR) => {}
                // What makes its content up as it is read has nothing to copy, but something to read.
                Ok(0) => self.way = Way::ReadAndWrite,
                Ok(copied) => return Ok(copied),
                Err(cause) if is_refusal(cause) => {
                    self.way = match self.way {
                        Way::CopyFileRange => Way::SendFile,
                        _ => Way::ReadAndWrite,
                    };
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    fn copy_file_range(&self, at: u64, count: usize) -> Result<usize, Errno> {
        let (mut from, mut to) = (at, at);
        copy_file_range(self.source, Some(&mut from), self.target, Some(&mut to), count)
    }

    fn send_file(&self, at: u64, count: usize) -> Result<usize, Errno> {
        seek(self.target, Place::Start(at))?;
        sendfile(self.target, self.source, Some(&mut { at }), count)
    }

    fn read_and_write(&mut self, at: u64, count: usize) -> Result<usize, Errno> {
        self.buffer.resize(BUFFER, 0);
        let most = count.min(BUFFER);
        let read = loop {
            match self.source.read_at(&mut self.buffer[..most], at) {
                Ok(read) => break read,
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Errno::from_io_error(&cause).unwrap_or(Errno::IO)),
            }
        };
        self.target
            .write_all_at(&self.buffer[..read], at)
            .map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO))?;
        Ok(read)
    }
}

/// Whether it says that this way does not work here, not that the file cannot be copied.
fn is_refusal(cause: Errno) -> bool {
    matches!(
        cause,
        Errno::XDEV
            | Errno::INVAL
            | Errno::NOSYS
            | Errno::OPNOTSUPP
            | Errno::PERM
            | Errno::BADF
            | Errno::OVERFLOW
            | Errno::TXTBSY
    )
}
