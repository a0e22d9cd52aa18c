use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use seawall_core::{CallContext, Error};

use crate::atomic::{Replacement, directory_of, sync_directory};
use crate::engine::{Engine, Lane};
use crate::fault::{Fault, Label};
use crate::ground::Ground;
use crate::read::refuse_what_blocks;
use crate::sink::{Destination, Sink};
use crate::work::Task;
use crate::{Durability, Fs, FsRequest, Operation};

impl Fs {
    /// Begins to replace a file, as [`write_atomic`](Self::write_atomic) does, by content that comes in
    /// pieces.
    ///
    /// # Errors
    /// When the target cannot be replaced or no temporary file can be made beside it.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is left behind.
    pub async fn atomic_writer(&self, path: impl AsRef<Path>) -> Result<AtomicWriter, Error> {
        self.atomic_writer_with(path, Durability::Full).await
    }

    /// Begins to replace a file as [`atomic_writer`](Self::atomic_writer) does, as durably as asked for.
    ///
    /// # Errors
    /// Those of [`atomic_writer`](Self::atomic_writer).
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is left behind.
    pub async fn atomic_writer_with(
        &self,
        path: impl AsRef<Path>,
        durability: Durability,
    ) -> Result<AtomicWriter, Error> {
        let work = move |task: &Task<'_>| {
            let replacement = Replacement::begin(&task.label.path, &Ground::Anywhere, durability)?;
            Ok(AtomicWriter::new(task.engine.clone(), task.label.clone(), replacement))
        };
        self.ask(FsRequest::new(Operation::AtomicWriter, path.as_ref(), work)).await
    }

    /// Opens a file to write at its end, and makes it if there is none.
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    ///
    /// # Cancel safety
    /// Cancel safe; an empty file may have been made.
    pub async fn append(&self, path: impl AsRef<Path>) -> Result<Appender, Error> {
        let work = |task: &Task<'_>| {
            let file = AppendedFile::open(&task.label.path)?;
            Ok(Appender::new(task.engine.clone(), task.label.clone(), file))
        };
        self.ask(FsRequest::new(Operation::Append, path.as_ref(), work)).await
    }
}

/// Replaces a file piece by piece; made by [`Fs::atomic_writer`](crate::Fs::atomic_writer).
///
/// Until [`commit`](Self::commit) the target is as it was, whatever happens. Dropped before, the writer is
/// abandoned: its temporary file is removed, as after a process that was killed; only where the file system has
/// no files without names does one named `.seawall-*.tmp` stay beside the target then.
#[derive(Debug)]
pub struct AtomicWriter {
    sink: Sink<Replacement>,
}

impl AtomicWriter {
    pub(crate) fn new(engine: Engine, label: Label, replacement: Replacement) -> Self {
        Self { sink: Sink::new(engine, label, replacement) }
    }

    /// Writes `bytes` after those before.
    ///
    /// Returns as soon as they are taken over, and waits only when a chunk's worth is waiting already. An
    /// error is that of an earlier write, perhaps; after a failed write every later call fails too, and
    /// nothing can be committed.
    ///
    /// # Errors
    /// When a write failed, or the deadline of the call passed.
    ///
    /// # Cancel safety
    /// Dropped before it returned, it has taken nothing: write the same bytes again.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.sink.write(bytes.into()).await
    }

    /// Makes the new content durable and puts it in place.
    ///
    /// # Errors
    /// When writing, syncing or renaming failed, or the deadline passed. Unless
    /// [`may_have_executed`](Error::may_have_executed), the target is as it was.
    ///
    /// # Cancel safety
    /// Dropped before the rename, it leaves the target as it was; during the rename, the replacement is
    /// complete.
    pub async fn commit(mut self) -> Result<(), Error> {
        let replacement = self.sink.finish().await?;
        let engine = self.sink.engine().clone();
        let work = move |abandoned: &_| replacement.commit(engine.gate(), abandoned);
        self.sink.engine().run_in(Lane::Sync, self.sink.label(), CallContext::current_deadline(), work).await
    }
}

impl Drop for AtomicWriter {
    fn drop(&mut self) {
        self.sink.abandon();
    }
}

/// Writes at the end of a file; made by [`Fs::append`](crate::Fs::append).
///
/// Appending is not atomic: after a failure or a crash the file may end in a part of what was written last,
/// and bytes of several writers may alternate. What must be whole or not at all is for [`AtomicWriter`].
///
/// Dropped, it still writes what it has taken over, but tells nobody if that fails: call
/// [`flush`](Self::flush) or [`sync`](Self::sync) at the end.
#[derive(Debug)]
pub struct Appender {
    sink: Sink<AppendedFile>,
}

impl Appender {
    pub(crate) fn new(engine: Engine, label: Label, file: AppendedFile) -> Self {
        Self { sink: Sink::new(engine, label, file) }
    }

    /// Writes `bytes` at the end.
    ///
    /// Returns as soon as they are taken over, and waits only when a chunk's worth is waiting already. An
    /// error is that of an earlier write, perhaps; after a failed write every later call fails too.
    ///
    /// # Errors
    /// When a write failed, or the deadline of the call passed.
    ///
    /// # Cancel safety
    /// Dropped before it returned, it has taken nothing: write the same bytes again.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.sink.write(bytes.into()).await
    }

    /// Waits until the operating system has taken everything, so that other processes see it.
    ///
    /// # Errors
    /// When a write failed, or the deadline of the call passed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.sink.flush().await
    }

    /// Waits until everything is on the disk, so that it outlives a power failure.
    ///
    /// # Errors
    /// When writing or syncing failed, or the deadline of the call passed. A failed sync is final: the
    /// writer fails from then on, because a second sync could succeed without the data that the first one
    /// lost.
    ///
    /// # Cancel safety
    /// Cancel safe; the sync goes on.
    pub async fn sync(&mut self) -> Result<(), Error> {
        self.sink.run(AppendedFile::sync).await
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.sink.detach();
    }
}

/// A file open for appending, and its directory until the file's name in it is durable too.
#[derive(Debug)]
pub(crate) struct AppendedFile {
    file: File,
    unsynced_directory: Option<PathBuf>,
}

impl AppendedFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        if let Ok(metadata) = fs::metadata(path) {
            refuse_what_blocks(&metadata)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let directory = directory_of(path);
        Ok(Self { file, unsynced_directory: Some(directory.to_owned()) })
    }

    fn sync(mut self) -> Result<Self, Fault> {
        self.file.sync_data().map_err(Fault::sync)?;
        if let Some(directory) = self.unsynced_directory.take() {
            sync_directory(&directory).map_err(Fault::directory_sync)?;
        }
        Ok(self)
    }
}

impl Destination for AppendedFile {
    fn file(&mut self) -> &mut File {
        &mut self.file
    }
}
