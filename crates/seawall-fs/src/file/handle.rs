//! What concerns a file as a whole, whatever is in it.

use std::fs::{Metadata, Permissions};
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use seawall_core::Error;

use super::busy;
use super::open::{How, OpenFile, Opened};
use crate::work::Task;
use crate::{File, Fs, Operation, Times};

impl File {
    pub(crate) fn new(fs: Fs, path: &Path, opened: Opened) -> Self {
        let position = opened.position;
        Self::of(Arc::new(OpenFile::new(fs, path, opened)), position)
    }

    fn of(open: Arc<OpenFile>, position: u64) -> Self {
        Self {
            open,
            position,
            ahead: BytesMut::new(),
            ahead_as_of: 0,
            at_end: None,
            gathered: super::Gathered::default(),
            in_flight: None,
            failure: None,
            job: None,
            doing: Operation::Open,
            timer: super::Timer::default(),
            length: None,
            seeking: None,
        }
    }

    /// What the file was called when it was opened.
    pub fn path(&self) -> &Path {
        &self.open.path
    }

    /// What the file system knows about it. Bytes that are not flushed do not count.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn metadata(&self) -> Result<Metadata, Error> {
        let open = Arc::clone(&self.open);
        self.open.ask(Operation::Metadata, move |_: &Task<'_>| Ok(open.file().metadata()?)).await
    }

    /// Changes who may read, write and run it.
    ///
    /// # Errors
    /// When it belongs to somebody else.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been done or not.
    pub async fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let open = Arc::clone(&self.open);
        let work = move |_: &Task<'_>| Ok(open.file().set_permissions(permissions.clone())?);
        self.open.ask(Operation::SetPermissions, work).await
    }

    /// Changes the times it says it was read and written at.
    ///
    /// # Errors
    /// When it belongs to somebody else.
    ///
    /// # Cancel safety
    /// Dropped under way, it may have been done or not.
    pub async fn set_times(&self, times: Times) -> Result<(), Error> {
        let open = Arc::clone(&self.open);
        let work = move |_: &Task<'_>| Ok(open.file().set_times(times.into())?);
        self.open.ask(Operation::SetTimes, work).await
    }

    /// Another handle on the same open file, with a cursor of its own that stands where this one does. It shares locks
    /// with this one, and a failed sync. What this one has gathered to write stays with it: flush before.
    pub fn try_clone(&self) -> Self {
        Self::of(Arc::clone(&self.open), self.position)
    }

    /// Whether somebody sits at the other end: a terminal.
    pub fn is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&**self.open.file())
    }

    /// The file of the standard library, flushed, its cursor where this one was.
    ///
    /// # Errors
    /// When it cannot be flushed, or no further descriptor is to be had.
    ///
    /// # Cancel safety
    /// Dropped under way, it is as dropped before.
    pub async fn into_std(mut self) -> Result<std::fs::File, Error> {
        self.flush().await?;
        let (open, position) = (Arc::clone(&self.open), self.position);
        let work = move |_: &Task<'_>| {
            let mut file = open.file().try_clone()?;
            if open.how != How::InSequence {
                file.seek(SeekFrom::Start(position))?;
            }
            Ok(file)
        };
        self.open.ask(Operation::Open, work).await
    }

    /// Writes what is not written and closes the file. To be sure of the disk, [`sync_all`](Self::sync_all) before.
    ///
    /// # Errors
    /// When something could not be written; it is tried once more in the background then. To handle it yourself,
    /// [`flush`](Self::flush) before.
    ///
    /// # Cancel safety
    /// Dropped under way, it is as dropped before.
    pub async fn close(mut self) -> Result<(), Error> {
        self.flush().await
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for File {
    /// The descriptor. The kernel's cursor is not the one of this handle, which reads and writes by position.
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.open.file().as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for File {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.open.file().as_raw_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsHandle for File {
    fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        self.open.file().as_handle()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let batches: Vec<_> = self.in_flight.take().into_iter().chain(self.rest_as_batch()).collect();
        let told = self.failure.is_some();
        if batches.iter().all(|batch| batch.bytes() == 0) || told {
            self.open.fs.loss_counter().count(batches.iter().map(|batch| batch.bytes()).sum());
            return;
        }
        let unwritten = Unwritten { open: Arc::clone(&self.open), batches, next: 0 };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let context = seawall_core::CallContext::current().without_deadline();
                runtime.spawn(context.scope(unwritten.write(self.job.take())));
            }
            // Without a runtime there is nobody whom waiting here would stop.
            Err(_) => unwritten.write_here(),
        }
    }
}

/// What a dropped file had not written. What is still not written when it is dropped itself is a loss.
struct Unwritten {
    open: Arc<OpenFile>,
    batches: Vec<Arc<super::Batch>>,
    next: usize,
}

impl Unwritten {
    async fn write(mut self, under_way: Option<super::Job>) {
        if let Some(job) = under_way {
            // How it ended shows in what is left to write.
            let _shown = job.await;
        }
        while let Some(batch) = self.batches.get(self.next).cloned() {
            if batch.bytes() > 0 && busy::write(Arc::clone(&self.open), batch).await.is_err() {
                return;
            }
            self.next += 1;
        }
    }

    fn write_here(mut self) {
        while self.batches.get(self.next).is_some_and(|batch| batch.write_to(&self.open).is_ok()) {
            self.next += 1;
        }
    }
}

impl Drop for Unwritten {
    fn drop(&mut self) {
        self.open.fs.loss_counter().count(self.batches[self.next..].iter().map(|batch| batch.bytes()).sum());
    }
}
