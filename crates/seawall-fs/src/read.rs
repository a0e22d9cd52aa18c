use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use seawall_core::Error;

use crate::engine::{Abandoned, Buffers, Engine, Need, RingRead, aligned};
use crate::fault::Fault;
use crate::work::{Attempt, INLINE_MOST, Task, Work};
use crate::{Fs, Operation, sys};

impl Fs {
    /// The content of a file of at most `limit` bytes.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than `limit`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read(&self, path: impl AsRef<Path>, limit: u64) -> Result<Bytes, Error> {
        let path = path.as_ref();
        self.ask_cache(Operation::Read, path, || Arc::from(path), ReadWhole { limit }).await
    }
}

/// A caller who has gone is noticed after this much, so that a large file does not occupy a thread for
/// nothing.
const STEP: usize = 8 * 1024 * 1024;

/// What is read first of a file that does not know its length.
const PAGE: usize = 4096;

/// Opens what can be read without waiting for another process.
pub(crate) fn open(path: &Path, offset: u64) -> Result<File, Fault> {
    let (mut file, _) = open_to_read(path)?;
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    Ok(file)
}

/// The same, with the length of a regular file.
fn open_to_read(path: &Path) -> Result<(File, Option<u64>), Fault> {
    // Nearly always it is a regular file, and need not be looked up twice to know.
    if let Ok(file) = sys::open_without_waiting(path)
        && let Some(length) = sys::regular_length(&file)
    {
        return Ok((file, Some(length)));
    }
    refuse_what_blocks(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let length = sys::regular_length(&file);
    Ok((file, length))
}

/// Opening a pipe waits for the process at its other end, perhaps for ever, with a thread.
pub(crate) fn refuse_what_blocks(metadata: &fs::Metadata) -> Result<(), Fault> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(Fault::invalid("is a directory where a file is needed"));
    }
    if is_pipe_or_socket(kind) {
        return Err(Fault::invalid("a pipe or socket: it may block for ever, use `tokio::net` for it"));
    }
    Ok(())
}

#[cfg(unix)]
fn is_pipe_or_socket(kind: fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo() || kind.is_socket()
}

#[cfg(not(unix))]
fn is_pipe_or_socket(_: fs::FileType) -> bool {
    false
}

struct ReadWhole {
    limit: u64,
}

impl Work for ReadWhole {
    type Output = Bytes;

    fn inline(&self, engine: &Engine, path: &Path) -> Attempt<Bytes> {
        let Some(attempt) = engine.may_try(path, Need::Content) else { return Attempt::Missed(None) };
        let file = match sys::open_cached(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Attempt::Answered(Err(cause.into()));
            }
            // A thread finds out what it is.
            Err(_) => {
                engine.tried(attempt, false);
                return Attempt::Missed(None);
            }
        };
        // Only of a regular file the length is known beforehand.
        let Some(length) = sys::regular_length(&file) else { return Attempt::Missed(None) };
        if length > self.limit {
            return Attempt::Answered(Err(too_large(self.limit)));
        }
        if length > INLINE_MOST {
            return Attempt::Missed(Some(file));
        }
        match read_cached(&file, length as usize) {
            Ok(Some(content)) => {
                engine.tried(attempt, true);
                return Attempt::Answered(Ok(content.freeze()));
            }
            Ok(None) => engine.tried(attempt, false),
            Err(_) => engine.refused(attempt),
        }
        Attempt::Missed(Some(file))
    }

    fn as_ring_read(&self, opened: Option<&Arc<File>>) -> Option<RingRead> {
        let file = Arc::clone(opened?);
        // Without content it may be one that does not know its length.
        let length = sys::regular_length(&file).filter(|length| (1..=self.limit).contains(length))?;
        Some(RingRead { file, offset: 0, count: usize::try_from(length).ok()? })
    }

    fn answer_of_ring(&self, content: BytesMut) -> Option<Bytes> {
        Some(content.freeze())
    }

    fn carry_out(&self, task: &Task<'_>) -> Result<Bytes, Fault> {
        let path = &task.label.path;
        let (file, length) = match task.opened.take() {
            Some(file) => {
                let length = sys::regular_length(&file);
                (file, length)
            }
            None => open_to_read(path)?,
        };
        let content = whole(&file, length, self.limit, task.abandoned)?;
        task.engine.look_at(path, Need::Content, || Ok(file));
        Ok(content)
    }
}

/// The content of a file, on a thread.
pub(crate) fn from_path(path: &Path, limit: u64, abandoned: &Abandoned) -> Result<Bytes, Fault> {
    let (file, length) = open_to_read(path)?;
    whole(&file, length, limit, abandoned)
}

/// The content of a file of `length` bytes if the page cache holds all of it. An error if this file cannot be asked so.
fn read_cached(file: &File, length: usize) -> io::Result<Option<BytesMut>> {
    // A file without content is asked for one byte, because only that tells it from one that does not know its length.
    let mut content = aligned(length.max(1));
    loop {
        let before = content.len();
        match sys::read_cached(file, &mut content, (length - before).max(1), None) {
            Ok(0) if length == 0 => return Ok(Some(content)),
            // Shorter than it was a moment ago, or longer.
            Ok(0) => return Ok(None),
            Ok(_) if content.len() > length => return Ok(None),
            Ok(_) if content.len() == length => return Ok(Some(content)),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(cause) => return Err(cause),
        }
    }
}

/// What a file holds, of which `length` is what a regular one says of itself.
pub(crate) fn whole(
    file: &File,
    length: Option<u64>,
    limit: u64,
    abandoned: &Abandoned,
) -> Result<Bytes, Fault> {
    let expected = length.unwrap_or(0);
    if expected > limit {
        return Err(too_large(limit));
    }
    // The byte beyond tells a file that has grown, or that does not know its length, from one that is at its end.
    let mut content = aligned(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    loop {
        if abandoned.is_set() {
            return Err(Fault::abandoned());
        }
        let spare = content.capacity() - content.len();
        let step = if spare == 0 { content.len().max(PAGE) } else { spare }.min(STEP);
        let allowed = (limit - content.len() as u64).saturating_add(1).min(step as u64);
        let read = sys::read(file, &mut content, allowed as usize)?;
        if content.len() as u64 > limit {
            return Err(too_large(limit));
        }
        // One with a length of its own gives less than asked for only at its end.
        let ended = (read as u64) < allowed && content.len() as u64 == expected;
        if read == 0 || (ended && expected > 0) {
            return Ok(content.freeze());
        }
    }
}

fn too_large(limit: u64) -> Fault {
    Fault::invalid(format!("larger than the {limit} bytes allowed: raise the limit or stream it"))
}

/// Some chunks of a file, and how it goes on after them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) then: Then,
}

#[derive(Debug)]
pub(crate) enum Then {
    More(File),
    End,
    Failed(Fault),
}

/// Reads up to `count` chunks of `size` bytes; only the last one of a file is shorter. `begun` is the first, which may
/// hold something already.
pub(crate) fn batch(file: File, count: usize, size: usize, begun: BytesMut, buffers: &Buffers) -> Batch {
    let mut chunks = Vec::with_capacity(count);
    let mut begun = Some(begun);
    while chunks.len() < count {
        let mut chunk = begun.take().unwrap_or_else(|| buffers.take(size));
        let end = fill(&file, &mut chunk, size);
        // What was read before a failure is good, and belongs to whoever reads the stream.
        if chunk.is_empty() {
            buffers.give_back(chunk);
        } else {
            chunks.push(buffers.share(chunk));
        }
        match end {
            Ok(false) => {}
            Ok(true) => return Batch { chunks, then: Then::End },
            Err(cause) => return Batch { chunks, then: Then::Failed(cause.into()) },
        }
    }
    Batch { chunks, then: Then::More(file) }
}

/// Reads until there are `size` bytes; says whether the file ended before.
fn fill(file: &File, chunk: &mut BytesMut, size: usize) -> io::Result<bool> {
    while chunk.len() < size {
        let missing = size - chunk.len();
        if sys::read(file, chunk, missing)? == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
