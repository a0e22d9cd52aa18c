//! Open files.

mod busy;
mod device;
mod handle;
mod lines;
mod lock;
mod open;
mod options;
mod positioned;
mod read;
mod seek;
mod tokio_io;
mod unwritten;
mod write;

use std::io::SeekFrom;
use std::sync::Arc;

use bytes::BytesMut;
use seawall_core::Error;

pub use self::lock::{FileLock, LockKind};
pub(crate) use self::open::Opened;
pub use self::options::OpenOptions;

use self::busy::{Job, Timer};
use self::open::OpenFile;
use self::unwritten::{Batch, Gathered};
use crate::Operation;

/// An open file with a cursor, read ahead and written behind; made by [`Fs::open`](crate::Fs::open).
///
/// The methods take and give [`Bytes`](bytes::Bytes), tell of failures as this crate does, and end at the deadline of
/// the context. [`AsyncRead`](tokio::io::AsyncRead), [`AsyncBufRead`](tokio::io::AsyncBufRead),
/// [`AsyncWrite`](tokio::io::AsyncWrite) and [`AsyncSeek`](tokio::io::AsyncSeek) are there for who comes from
/// `tokio::fs`, with all that tokio's extension traits make of them. Every visit to the device is a request through the
/// client's stack, so its layers see it; a read that the page cache answers at once is none, unless you have put
/// layers of your own around the client, which then see it too.
///
/// # The cursor
/// It is this handle's own, and moves when a call returns, not before: a call that is dropped or fails leaves it where
/// it was. [`try_clone`](Self::try_clone) gives a handle with another one. What is opened with `append` is written at
/// its end, and the cursor knows where that is after a [`flush`](Self::flush).
///
/// # Nothing is lost in silence
/// Written bytes gather up to a chunk and then go to the device. Bytes that were taken over are written even if nobody
/// waits any more. If that fails, because the device is full for instance, the call says so, and so does every later
/// one that writes, reads or syncs, until [`retry_unwritten`](Self::retry_unwritten) or
/// [`discard_unwritten`](Self::discard_unwritten) says what becomes of the bytes, which are kept so long. A failed sync
/// is final for all handles of the file.
///
/// Dropped with bytes that are not written, the file writes them in the background, and if that fails counts them in
/// [`Fs::losses`](crate::Fs::losses). To be told, call [`close`](Self::close).
///
/// ```
/// # use std::sync::Arc;
/// # use std::io::SeekFrom;
/// # use seawall_fs::{Fs, FsConfig, OpenOptions};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
/// let mut file = fs.open(directory.path().join("poem"), OpenOptions::writing().read(true)).await?;
/// file.write_bytes("roses are red\nviolets are blue\n").await?;
/// file.seek(SeekFrom::Start(0)).await?;
/// while let Some(line) = file.next_line(1024).await? {
///     assert!(line.starts_with(b"roses") || line.starts_with(b"violets"));
/// }
/// assert_eq!(file.read_at(10, 3).await?, "red");
/// file.close().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct File {
    open: Arc<OpenFile>,
    /// Where the next byte is read or written, those read ahead not counted, those gathered counted.
    position: u64,
    /// What was read from the position on, and how often the content had been changed by then.
    ahead: BytesMut,
    ahead_as_of: u64,
    /// Whether the last read met the end.
    at_end: Option<bool>,
    gathered: Gathered,
    in_flight: Option<Arc<Batch>>,
    /// The write that failed and that nobody has handled.
    failure: Option<Error>,
    job: Option<Job>,
    /// What the job is.
    doing: Operation,
    timer: Timer,
    /// The length, if it was measured to seek from the end.
    length: Option<u64>,
    /// Where a seek of tokio's trait goes.
    seeking: Option<SeekFrom>,
}
