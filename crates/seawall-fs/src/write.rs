#[cfg(unix)]
use std::fs::File;
use std::fs::OpenOptions;
#[cfg(unix)]
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use seawall_core::{Error, FailureKind};
use tokio::time::Instant;

use crate::fault::{Fault, Label};
use crate::full_devices::Place;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

/// So many files are written in one visit to a thread, and so many bytes of them.
const FILES: usize = 128;
const BYTES: usize = 4 * 1024 * 1024;
/// So many bytes are under way at once, and a file more.
const BYTES_AHEAD: usize = 32 * 1024 * 1024;
/// So many visits are under way at once: enough that the threads have something to do while the caller waits for a
/// processor, which they keep busy.
const VISITS: usize = 8;

impl Fs {
    /// Writes a whole file in place: makes it, or cuts it to nothing and fills it anew. Nothing is synced.
    ///
    /// A reader may meet a part of it, and a failure or a crash leaves a part of it. What must be whole or not at all
    /// is for [`write_atomic`](Self::write_atomic).
    ///
    /// # Errors
    /// When it cannot be written. Unless [`may_have_executed`](Error::may_have_executed), it is as it was.
    ///
    /// # Cancel safety
    /// Dropped before it began on its thread, it changes nothing; then it goes on to its end.
    pub async fn write(&self, path: impl AsRef<Path>, content: impl Into<Bytes>) -> Result<(), Error> {
        let content = content.into();
        let bytes = content.len() as u64;
        let work = move |task: &Task<'_>| write(&task.label.path, &content);
        self.ask(FsRequest::new(Operation::Write, path.as_ref(), work).of_bytes(bytes)).await
    }

    /// Writes many whole files in place, as [`write`](Self::write) does each, many in one visit to a thread.
    ///
    /// The results are in the order of the files, each with its own error. At most 1024 files and about 32 MiB of them
    /// (and one file more) are under way at a time, and the iterator is asked only for the next ones: with
    /// contents made as it goes on, memory stays that small. What fails for a passing reason is tried again by
    /// itself, as the retries are configured.
    ///
    /// # Cancel safety
    /// Dropped, it leaves some files written and others not; one file under way may be written in part.
    pub async fn write_many<P, B, I>(&self, files: I) -> Vec<Result<(), Error>>
    where
        P: Into<PathBuf>,
        B: Into<Bytes>,
        I: IntoIterator<Item = (P, B), IntoIter: Send>,
    {
        let mut results = Vec::new();
        let mut groups = groups(files.into_iter(), FILES, BYTES);
        let (mut under_way, mut bytes_ahead) = (FuturesOrdered::new(), 0);
        loop {
            while under_way.len() < VISITS
                && bytes_ahead < BYTES_AHEAD
                && let Some(group) = groups.next()
            {
                let bytes: usize = group.iter().map(|(_, content)| content.len()).sum();
                bytes_ahead += bytes;
                under_way.push_back(async move { (bytes, self.write_group(group, bytes).await) });
            }
            let Some((bytes, written)) = under_way.next().await else { return results };
            bytes_ahead -= bytes;
            results.extend(written);
        }
    }

    async fn write_group(&self, group: Group, bytes: usize) -> Vec<Result<(), Error>> {
        let files = Arc::clone(&group);
        let work = move |task: &Task<'_>| {
            let began = Instant::now();
            let write_one = |(path, content): &(PathBuf, Bytes)| {
                let written = if task.abandoned.is_set() {
                    Err(Fault::abandoned())
                } else {
                    task.engine.full_devices().with_room(Place::Path(path), || write(path, content))
                };
                written.map_err(|fault| {
                    let label = Label { operation: task.label.operation, path: Arc::from(&**path) };
                    let error = fault.label(&label);
                    if !passes(&error) {
                        task.engine.tell_of_call::<()>(Err(&error), began.elapsed());
                    }
                    error
                })
            };
            Ok(files.iter().map(write_one).collect::<Vec<_>>())
        };
        let request = FsRequest::new(Operation::WriteMany, &group[0].0, work).of_bytes(bytes as u64);
        let mut results: Vec<Result<(), Error>> = match self.ask(request).await {
            Ok(results) => results,
            Err(error) => group.iter().map(|_| Err(error.clone())).collect(),
        };
        for (result, (path, content)) in results.iter_mut().zip(group.iter()) {
            let Err(error) = result else { continue };
            if passes(error) {
                *result = self.write(path, content.clone()).await;
            }
        }
        results
    }
}

/// Whether a file of a list is written once more, by a call of its own, which is told of.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(error.kind(), FailureKind::Transient | FailureKind::Overloaded { .. })
}

/// Some files to write in one go. Never empty.
pub(crate) type Group = Arc<[(PathBuf, Bytes)]>;

/// Cuts what is to be written into groups of so many files and bytes; a larger file is a group of its own.
pub(crate) fn groups<P: Into<PathBuf>, B: Into<Bytes>>(
    files: impl Iterator<Item = (P, B)>,
    most_files: usize,
    most_bytes: usize,
) -> impl Iterator<Item = Group> {
    let mut files = files.map(|(path, content)| (path.into(), content.into())).peekable();
    std::iter::from_fn(move || {
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some((_, content)) = files.peek() {
            if group.len() == most_files || (bytes > 0 && bytes + content.len() > most_bytes) {
                break;
            }
            bytes += content.len();
            group.extend(files.next());
        }
        (!group.is_empty()).then(|| Group::from(group))
    })
}

#[cfg(unix)]
fn write(path: &Path, content: &[u8]) -> Result<(), Fault> {
    use std::os::unix::fs::FileExt;

    use rustix::fs::{FileType, fstat};
    use rustix::io::Errno;

    let mut file = open(path).map_err(Fault::changed_nothing)?;
    // A pipe has no places to write at, which spares everything else the question what it is.
    if !content.is_empty() {
        match file.write_all_at(content, 0) {
            Err(cause) if Errno::from_io_error(&cause) == Some(Errno::SPIPE) => {}
            written => return Ok(written?),
        }
    }
    let mode = fstat(&file).map_err(io::Error::from)?.st_mode;
    if FileType::from_raw_mode(mode).is_fifo() {
        return Err(pipe().changed_nothing());
    }
    Ok(file.write_all(content)?)
}

#[cfg(not(unix))]
fn write(path: &Path, content: &[u8]) -> Result<(), Fault> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).open(path);
    let mut file = opened.map_err(|cause| Fault::from(cause).changed_nothing())?;
    Ok(file.write_all(content)?)
}

/// Without waiting for the reader of a pipe, which would keep the thread, perhaps for ever.
#[cfg(unix)]
fn open(path: &Path) -> Result<File, Fault> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    use rustix::io::Errno;

    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options.open(path).map_err(|cause| match Errno::from_io_error(&cause) {
        Some(Errno::NXIO) => pipe(),
        _ => cause.into(),
    })
}

#[cfg(unix)]
fn pipe() -> Fault {
    Fault::invalid("a pipe or socket: it may block for ever, use `tokio::net` for it")
}
