use std::fs;
use std::io::Seek;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use seawall_core::Error;

use crate::engine::Engine;
use crate::fault::{Fault, Label};
use crate::read::refuse_what_blocks;
use crate::read_at::ReadAt;
use crate::work::{Task, Work};
use crate::{File, Fs, FsRequest, OpenOptions, Operation};

impl Fs {
    /// Opens a file, in any way the system can.
    ///
    /// # Errors
    /// When it cannot be opened so, or what is there is a directory, a pipe or a socket.
    ///
    /// # Cancel safety
    /// Cancel safe; the file may have been made or emptied.
    pub async fn open(&self, path: impl AsRef<Path>, options: OpenOptions) -> Result<File, Error> {
        let work = move |task: &Task<'_>| {
            if let Ok(metadata) = fs::metadata(&task.label.path) {
                refuse_what_blocks(&metadata)?;
            }
            let file = options.for_std().open(&task.label.path).map_err(Fault::of_one_step)?;
            Ok(Opened::new(file, options, task))
        };
        let path = path.as_ref();
        self.open_by(path, FsRequest::new(options.operation(), path, work)).await
    }

    /// Takes over a file that was opened otherwise. `options` says how it was, and `name` is what errors call it.
    ///
    /// It may be a pipe, a socket or a terminal, which are read and written as they come; one that makes wait for ever
    /// holds a thread of the client's so long.
    ///
    /// # Errors
    /// When it cannot be asked where it stands.
    ///
    /// # Cancel safety
    /// Dropped under way, it closes the file.
    pub async fn adopt(
        &self,
        file: fs::File,
        options: OpenOptions,
        name: impl AsRef<Path>,
    ) -> Result<File, Error> {
        let file = Arc::new(file);
        let work = move |task: &Task<'_>| Ok(Opened::new(file.try_clone()?, options, task));
        let name = name.as_ref();
        self.open_by(name, FsRequest::new(Operation::Open, name, work)).await
    }

    /// Sends a request that is answered by [`Opened`].
    pub(crate) async fn open_by(&self, path: &Path, request: FsRequest) -> Result<File, Error> {
        Ok(File::new(self.clone(), path, self.ask(request).await?))
    }
}

impl OpenOptions {
    /// Which operation opening so is.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self { create_new: true, .. } => Operation::CreateNew,
            Self { write: true, .. } | Self { append: true, .. } => Operation::OpenToWrite,
            _ => Operation::Open,
        }
    }
}

/// What opening answers: the file, before it has learnt through which client it is used.
#[derive(Debug)]
pub(crate) struct Opened {
    file: fs::File,
    pub(super) position: u64,
    pub(super) how: How,
    pub(super) engine: Engine,
}

impl Opened {
    pub(crate) fn new(mut file: fs::File, options: OpenOptions, task: &Task<'_>) -> Self {
        // What has no position, such as a terminal, is read and written as it comes.
        let (position, how) = match file.stream_position() {
            Ok(position) if options.append => (position, How::Appending),
            Ok(position) if options.write => (position, How::Writing),
            Ok(position) => (position, How::Reading),
            Err(_) => (0, How::InSequence),
        };
        Self { file, position, how, engine: task.engine.clone() }
    }
}

/// How the system's calls reach a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Only to read, each time from the position that is said.
    Reading,
    /// To read and write, each time at the position that is said.
    Writing,
    /// To read from the position that is said, and to write at the end.
    Appending,
    /// To read and write whatever comes next.
    InSequence,
}

/// An open file as its handles and the work on it share it.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) fs: Fs,
    pub(super) path: Arc<Path>,
    /// There until the end.
    file: Option<Arc<fs::File>>,
    pub(super) how: How,
    pub(super) chunk_size: usize,
    pub(super) engine: Engine,
    /// How often content was changed, so that a handle knows when what it has read ahead is of yesterday.
    changes: AtomicU64,
    /// The sync that failed.
    failed_sync: OnceLock<Fault>,
    /// Whether a lock is held.
    pub(super) locked: AtomicBool,
}

impl OpenFile {
    pub(super) fn new(fs: Fs, path: &Path, opened: Opened) -> Self {
        let Opened { file, position: _, how, engine } = opened;
        Self {
            fs,
            path: Arc::from(path),
            file: Some(Arc::new(file)),
            how,
            chunk_size: engine.chunk_size(),
            engine,
            changes: AtomicU64::new(0),
            failed_sync: OnceLock::new(),
            locked: AtomicBool::new(false),
        }
    }

    pub(super) fn file(&self) -> &Arc<fs::File> {
        self.file.as_ref().expect("it is taken only when this is dropped")
    }

    pub(super) fn label(&self, operation: Operation) -> Label {
        Label { operation: operation.name(), path: Arc::clone(&self.path) }
    }

    /// Asks for something about this file.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl Work<Output = T>,
    ) -> Result<T, Error> {
        self.fs.ask(FsRequest::about(operation, Arc::clone(&self.path), work)).await
    }

    pub(super) async fn read_at(&self, offset: u64, count: usize) -> Result<Bytes, Error> {
        self.check().map_err(|fault| fault.label(&self.label(Operation::ReadAt)))?;
        let read = ReadAt { file: Arc::clone(self.file()), offset, count };
        self.fs.ask_cache(Operation::ReadAt, &self.path, || Arc::clone(&self.path), read).await
    }

    /// After a failed sync nothing that is done through this handle can be trusted to last.
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.failed_sync.get().map_or(Ok(()), |fault| Err(fault.again()))
    }

    pub(super) fn sync(&self, all: bool) -> Result<(), Fault> {
        self.sync_by(|| if all { self.file().sync_all() } else { self.file().sync_data() })
    }

    fn sync_by(&self, sync: impl FnOnce() -> std::io::Result<()>) -> Result<(), Fault> {
        self.check()?;
        match sync() {
            Err(cause) if cause.kind() == std::io::ErrorKind::InvalidInput => {
                Err(Fault::invalid("it is not of a kind that can be synced"))
            }
            Err(cause) => {
                let fault = Fault::sync(cause);
                let told = fault.again();
                // Of two at the same time, the first is kept.
                let _kept = self.failed_sync.set(fault);
                Err(told)
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Does what changes content. Who read before or meanwhile may hold what was there before.
    pub(super) fn changing<T>(&self, change: impl FnOnce() -> T) -> T {
        let output = change();
        self.changes.fetch_add(1, Ordering::AcqRel);
        output
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let file = self.file.take();
        if self.how == How::Reading {
            drop(file);
            self.engine.descriptors().closed();
        } else {
            // Closing what was written may wait for a file server.
            self.engine.dispose(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::FsConfig;

    #[tokio::test]
    async fn a_failed_sync_is_final_for_every_handle_of_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let fs = Fs::new(&FsConfig::default(), Arc::new(())).unwrap();
        let mut file = fs.open(directory.path().join("file"), OpenOptions::writing()).await.unwrap();
        let other = file.try_clone();
        let broken = io::Error::from_raw_os_error(5);
        file.open.sync_by(|| Err(broken)).unwrap_err();

        // The disk would say yes now, without the data.
        let told = "the data may not have reached the disk, and syncing again would not tell: write it anew";
        for error in [
            file.sync_all().await.unwrap_err(),
            file.sync_data().await.unwrap_err(),
            file.write_bytes("more").await.unwrap_err(),
            file.flush().await.unwrap_err(),
            other.write_at(0, "more").await.unwrap_err(),
        ] {
            assert!(error.to_string().contains(told), "{error}");
        }
        file.retry_unwritten();
        assert!(file.sync_all().await.is_err());
    }
}
