use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use seawall_core::Error;

use crate::engine::Abandoned;
use crate::fault::Fault;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

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
        let work = move |task: &Task<'_>| whole(&task.label.path, limit, task.abandoned);
        self.ask(FsRequest::new(Operation::Read, path, work)).await
    }
}

/// A caller who has gone is noticed after this much, so that a large file does not occupy a thread for
/// nothing.
const STEP: u64 = 8 * 1024 * 1024;

/// Opens what can be read without waiting for another process.
pub(crate) fn open(path: &Path, offset: u64) -> Result<File, Fault> {
    refuse_what_blocks(&fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    Ok(file)
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

fn whole(path: &Path, limit: u64, abandoned: &Abandoned) -> Result<Bytes, Fault> {
    let file = open(path, 0)?;
    let expected = file.metadata()?.len();
    if expected > limit {
        return Err(too_large(limit));
    }
    let mut content = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    loop {
        if abandoned.is_set() {
            return Err(Fault::abandoned());
        }
        // One byte more than the limit tells a file that has grown, or that does not know its length, from
        // one that fits.
        let allowed = (limit - content.len() as u64).saturating_add(1).min(STEP);
        let read = (&file).take(allowed).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(too_large(limit));
        }
        if (read as u64) < allowed {
            return Ok(content.into());
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

/// Reads up to `count` chunks of `size` bytes; only the last one of a file is shorter.
pub(crate) fn batch(file: File, count: usize, size: usize) -> Batch {
    let mut chunks = Vec::with_capacity(count);
    while chunks.len() < count {
        let mut chunk = Vec::with_capacity(size);
        let read = (&file).take(size as u64).read_to_end(&mut chunk);
        // What was read before a failure is good, and belongs to whoever reads the stream.
        if !chunk.is_empty() {
            chunks.push(chunk.into());
        }
        match read {
            Ok(read) if read == size => {}
            Ok(_) => return Batch { chunks, then: Then::End },
            Err(cause) => return Batch { chunks, then: Then::Failed(cause.into()) },
        }
    }
    Batch { chunks, then: Then::More(file) }
}
