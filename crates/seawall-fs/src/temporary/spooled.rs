use std::io::SeekFrom;

use bytes::Bytes;
use memchr::memchr;
use seawall_core::Error;

use super::TemporaryOptions;
use crate::fault::{Fault, Label};
use crate::{File, Fs, Operation};

impl Fs {
    /// A temporary file that is in memory as long as it has at most `max_bytes`, and goes to the disk with the write
    /// that makes it larger. Nothing is made before.
    pub fn spooled_file(&self, max_bytes: usize, options: TemporaryOptions) -> SpooledFile {
        let memory = Memory { content: Vec::new(), position: 0 };
        SpooledFile { fs: self.clone(), options, max_bytes, place: Place::Memory(memory) }
    }
}

/// A file in memory that goes to the disk when it becomes large; made by [`Fs::spooled_file`].
///
/// Its methods do what those of [`File`] of the same names do. [`roll_over`](Self::roll_over) gives the [`File`] itself,
/// for all the others.
#[derive(Debug)]
pub struct SpooledFile {
    fs: Fs,
    options: TemporaryOptions,
    max_bytes: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Memory),
    Disk(File),
}

#[derive(Debug)]
struct Memory {
    content: Vec<u8>,
    position: u64,
}

impl SpooledFile {
    /// Whether it is on the disk.
    pub fn is_rolled_over(&self) -> bool {
        matches!(self.place, Place::Disk(_))
    }

    /// Puts it on the disk, if it is not there yet.
    ///
    /// # Errors
    /// When no file can be made or written; it stays in memory then.
    ///
    /// # Cancel safety
    /// Cancel safe: it stays in memory.
    pub async fn roll_over(&mut self) -> Result<&mut File, Error> {
        if let Place::Memory(memory) = &self.place {
            let mut file = self.fs.temporary_file(&self.options).await?;
            // At once and not behind: if this is dropped, the bytes are here still, and nothing is lost.
            file.write_at(0, Bytes::copy_from_slice(&memory.content)).await?;
            file.seek(SeekFrom::Start(memory.position)).await?;
            self.place = Place::Disk(file);
        }
        match &mut self.place {
            Place::Disk(file) => Ok(file),
            Place::Memory(_) => unreachable!("it has just been put on the disk"),
        }
    }

    /// Writes all of `bytes` at the cursor.
    ///
    /// # Errors
    /// As [`File::write_bytes`], and as [`roll_over`](Self::roll_over).
    ///
    /// # Cancel safety
    /// Dropped before it returned, it has taken nothing.
    pub async fn write_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        if let Place::Memory(memory) = &mut self.place
            && let Some(end) = memory.end_of(bytes.len()).filter(|end| *end <= self.max_bytes)
        {
            memory.write(&bytes, end);
            return Ok(());
        }
        self.roll_over().await?.write_bytes(bytes).await
    }

    /// Up to `max` bytes from the cursor on; none at the end only.
    ///
    /// # Errors
    /// As [`File::read_bytes`].
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_bytes(&mut self, max: usize) -> Result<Bytes, Error> {
        match &mut self.place {
            Place::Memory(memory) => Ok(memory.take(memory.ahead().len().min(max))),
            Place::Disk(file) => file.read_bytes(max).await,
        }
    }

    /// Everything from the cursor to the end, if that is at most `limit` bytes.
    ///
    /// # Errors
    /// As [`File::read_all`].
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn read_all(&mut self, limit: u64) -> Result<Bytes, Error> {
        match &mut self.place {
            Place::Memory(memory) if memory.ahead().len() as u64 > limit => Err(too_large(
                &self.options,
                format!("larger than the {limit} bytes allowed: raise the limit"),
            )),
            Place::Memory(memory) => Ok(memory.take(memory.ahead().len())),
            Place::Disk(file) => file.read_all(limit).await,
        }
    }

    /// The next line, without its end, if it has at most `limit` bytes; `None` at the end.
    ///
    /// # Errors
    /// As [`File::next_line`].
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn next_line(&mut self, limit: usize) -> Result<Option<Bytes>, Error> {
        let memory = match &mut self.place {
            Place::Memory(memory) => memory,
            Place::Disk(file) => return file.next_line(limit).await,
        };
        let ahead = memory.ahead();
        if ahead.is_empty() {
            return Ok(None);
        }
        let whole = memchr(b'\n', ahead).map_or(ahead.len(), |end| end + 1);
        let line = ahead[..whole].strip_suffix(b"\n").unwrap_or(&ahead[..whole]);
        let length = line.strip_suffix(b"\r").filter(|_| line.len() < whole).unwrap_or(line).len();
        if length > limit {
            let message = format!("a line is longer than the {limit} bytes allowed: raise the limit");
            return Err(too_large(&self.options, message));
        }
        let mut line = memory.take(whole);
        line.truncate(length);
        Ok(Some(line))
    }

    /// Moves the cursor, and says where it is.
    ///
    /// # Errors
    /// As [`File::seek`].
    ///
    /// # Cancel safety
    /// Cancel safe: the cursor has not moved.
    pub async fn seek(&mut self, to: SeekFrom) -> Result<u64, Error> {
        let memory = match &mut self.place {
            Place::Memory(memory) => memory,
            Place::Disk(file) => return file.seek(to).await,
        };
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => memory.position.checked_add_signed(by),
            SeekFrom::End(by) => (memory.content.len() as u64).checked_add_signed(by),
        };
        memory.position = to.ok_or_else(|| {
            too_large(&self.options, "the position is before the beginning or beyond all files".to_owned())
        })?;
        Ok(memory.position)
    }

    /// Where the cursor is.
    pub fn position(&self) -> u64 {
        match &self.place {
            Place::Memory(memory) => memory.position,
            Place::Disk(file) => file.position(),
        }
    }

    /// Cuts it off at `length`, or lengthens it by zeros.
    ///
    /// # Errors
    /// As [`File::set_len`], and as [`roll_over`](Self::roll_over).
    ///
    /// # Cancel safety
    /// As [`File::set_len`].
    pub async fn set_len(&mut self, length: u64) -> Result<(), Error> {
        if let Place::Memory(memory) = &mut self.place
            && let Some(length) = usize::try_from(length).ok().filter(|length| *length <= self.max_bytes)
        {
            memory.content.resize(length, 0);
            return Ok(());
        }
        self.roll_over().await?.set_len(length).await
    }

    /// Waits until the operating system has everything that is on the disk.
    ///
    /// # Errors
    /// As [`File::flush`].
    ///
    /// # Cancel safety
    /// Cancel safe; writing goes on.
    pub async fn flush(&mut self) -> Result<(), Error> {
        match &mut self.place {
            Place::Memory(_) => Ok(()),
            Place::Disk(file) => file.flush().await,
        }
    }
}

fn too_large(options: &TemporaryOptions, message: String) -> Error {
    let label =
        Label { operation: Operation::TemporaryFile.name(), path: options.directory().as_path().into() };
    Fault::invalid(message).label(&label)
}

impl Memory {
    /// What is behind the cursor.
    fn ahead(&self) -> &[u8] {
        usize::try_from(self.position).ok().and_then(|position| self.content.get(position..)).unwrap_or(&[])
    }

    fn take(&mut self, count: usize) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.ahead()[..count]);
        self.position += count as u64;
        bytes
    }

    /// Where `count` bytes at the cursor end.
    fn end_of(&self, count: usize) -> Option<usize> {
        usize::try_from(self.position).ok()?.checked_add(count)
    }

    fn write(&mut self, bytes: &[u8], end: usize) {
        if bytes.is_empty() {
            return;
        }
        if self.content.len() < end {
            self.content.resize(end, 0);
        }
        self.content[end - bytes.len()..end].copy_from_slice(bytes);
        self.position = end as u64;
    }
}
