//! The bytes of a source on their way from async I/O to the thread that parses them.

use std::fmt;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use seawall_core::Error;
use tokio::sync::mpsc;

/// Chunks under way between the two; with chunks of at most 1 MiB this bounds the memory of a transfer.
const CHUNKS: usize = 4;

/// The async end: takes chunks, and an empty one for the end of the source. Dropped without that, it leaves the
/// reader with an error: a transfer that was cut off must never look like a source that ended.
pub(crate) type ChunkSender = mpsc::Sender<Result<Bytes, TransferError>>;

/// Why a transfer ended before its end.
#[derive(Debug)]
pub(crate) enum TransferError {
    /// The bytes that were committed are other ones now.
    Changed,
    /// The rest of the version that was begun can't be had. Whether what was read is still true, only a look at the
    /// committed bytes can tell.
    Suspect,
    /// It cannot be read.
    Failed(Error),
}

impl std::error::Error for TransferError {}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("its bytes are other ones"),
            Self::Suspect => f.write_str("the rest of it is of another version"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// The blocking end: reads them.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    chunks: mpsc::Receiver<Result<Bytes, TransferError>>,
    current: Bytes,
    ended: bool,
}

/// Makes the two ends. Dropping the reader ends the transfer at the sender's next chunk.
pub(crate) fn chunk_channel() -> (ChunkSender, ChunkReader) {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    (sender, ChunkReader { chunks, current: Bytes::new(), ended: false })
}

impl Read for ChunkReader {
    /// Blocks the thread until there is a chunk. A [`TransferError`] comes as an [`io::Error::other`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Ok(chunk)) => {
                    self.ended = chunk.is_empty();
                    self.current = chunk;
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the transfer was cut off")),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
