use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt, TryStreamExt};
use seawall_core::{CallContext, Error};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Engine;
use crate::fault::{Fault, Label};
use crate::work::Task;
use crate::{EntryKind, Fs, FsRequest, Operation};

/// So many entries are read and asked about in one visit to a thread, and are in memory at a time.
const BATCH: usize = 256;

impl Fs {
    /// The entries of a directory of any size, each with its metadata, in the order of the file system.
    ///
    /// Opening the directory passes through the stack when the stream is first polled. The whole stream ends at the
    /// deadline of the context in which it was made. An entry that cannot be asked about is an error of its own and
    /// the next ones follow; one that was removed meanwhile is left out.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use futures_util::TryStreamExt;
    /// # use seawall_fs::{Fs, FsConfig};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// let mut entries = fs.entries(directory.path());
    /// let mut bytes = 0;
    /// while let Some(entry) = entries.try_next().await? {
    ///     bytes += entry.metadata.len();
    /// }
    /// # Ok(()) }
    /// ```
    pub fn entries(&self, path: impl AsRef<Path>) -> Entries {
        let work = |task: &Task<'_>| Ok(Reader::new(fs::read_dir(&task.label.path)?, task));
        Entries::answering(self, FsRequest::new(Operation::Entries, path.as_ref(), work))
    }
}

/// The entries of a directory, one by one; made by [`Fs::entries`](crate::Fs::entries).
///
/// # Cancel safety
/// Dropping a wait for the next entry loses nothing. Dropping the stream closes the directory.
pub struct Entries(BoxStream<'static, Result<EntryWithMetadata, Error>>);

/// One entry of a directory, and what the file system knows about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EntryWithMetadata {
    /// Its name within the directory.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
    /// Of a symbolic link, what is known about the link itself.
    pub metadata: Metadata,
}

impl Entries {
    /// The entries that the [`Reader`] reads that answers `request`.
    pub(crate) fn answering(client: &Fs, request: FsRequest) -> Self {
        let (client, context) = (client.clone(), CallContext::current());
        let deadline = context.deadline_at();
        let opening = context.scope(async move { client.ask::<Reader>(request).await });
        let batches = stream::once(opening).map_ok(move |reader| reader.batches(deadline)).try_flatten();
        Self(batches.map_ok(stream::iter).try_flatten().boxed())
    }
}

impl Stream for Entries {
    type Item = Result<EntryWithMetadata, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").finish_non_exhaustive()
    }
}

type Batch = Vec<Result<EntryWithMetadata, Error>>;

/// A directory opened to be read.
pub(crate) struct Reader {
    engine: Engine,
    label: Label,
    entries: fs::ReadDir,
}

impl Reader {
    pub(crate) fn new(entries: fs::ReadDir, task: &Task<'_>) -> Self {
        Self { engine: task.engine.clone(), label: task.label.clone(), entries }
    }

    fn batches(self, deadline: Option<Instant>) -> impl Stream<Item = Result<Batch, Error>> {
        stream::try_unfold(Some(self), move |reader| async move {
            let Some(Reader { engine, label, entries }) = reader else { return Ok(None) };
            let lost = label.clone();
            // A task of its own, because a future polled only now and then could be given a slot and sit on it.
            let task = AbortOnDropHandle::new(tokio::spawn(async move {
                let (batch, rest) = engine.run(&label, deadline, move |_| Ok(batch(entries))).await?;
                let batch =
                    batch.into_iter().map(|entry| entry.map_err(|fault| fault.label(&label))).collect();
                Ok((batch, rest.map(|entries| Reader { engine, label, entries })))
            }));
            match task.await {
                Ok(result) => result.map(Some),
                Err(cause) => match cause.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_shut_down) => Err(Fault::lost().label(&lost)),
                },
            }
        })
    }
}

/// Some entries, and the rest of the directory if there is more.
fn batch(mut entries: fs::ReadDir) -> (Vec<Result<EntryWithMetadata, Fault>>, Option<fs::ReadDir>) {
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        let Some(entry) = entries.next() else { return (batch, None) };
        match entry.and_then(|entry| with_metadata(&entry)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            result => batch.push(result.map_err(Fault::from)),
        }
    }
    (batch, Some(entries))
}

fn with_metadata(entry: &fs::DirEntry) -> io::Result<EntryWithMetadata> {
    let metadata = entry.metadata()?;
    Ok(EntryWithMetadata { name: entry.file_name(), kind: metadata.file_type().into(), metadata })
}
