use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use seawall_core::Error;
use tokio::task::JoinHandle;

use super::Gathered;
use super::open::How;
use super::unwritten::Batch;
use crate::fault::Fault;
use crate::work::Task;
use crate::{File, Operation};

impl File {
    /// Writes all of `bytes` at the cursor.
    ///
    /// It returns as soon as they are taken over, and waits only when a chunk's worth is waiting already. They are not
    /// copied unless there are few of them.
    ///
    /// # Errors
    /// When an earlier write failed, or the deadline passed. These bytes are not taken over then.
    ///
    /// # Cancel safety
    /// Dropped before it returned, it has taken nothing: write the same bytes again.
    pub async fn write_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.make_room().await?;
        // No await from here on: the bytes are ours.
        let bytes = bytes.into();
        self.take_over(bytes.len(), |gathered| gathered.push(bytes));
        Ok(())
    }

    /// Writes pieces one after another, lines for instance; their ends are yours to add.
    ///
    /// # Errors
    /// As [`write_bytes`](Self::write_bytes); those before are taken over.
    ///
    /// # Cancel safety
    /// Dropped under way, it has taken some of them over: [`position`](Self::position) says how much.
    pub async fn write_lines<B: Into<Bytes>>(
        &mut self,
        lines: impl IntoIterator<Item = B>,
    ) -> Result<(), Error> {
        for line in lines {
            self.write_bytes(line).await?;
        }
        Ok(())
    }

    /// Waits until the operating system has everything, so that other processes see it.
    ///
    /// # Errors
    /// When a write failed, or the deadline passed.
    ///
    /// # Cancel safety
    /// Cancel safe; writing goes on.
    pub async fn flush(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_flush_all(cx)).await
    }

    /// Waits until the content is on the disk, so that it outlives a power failure; its name in the directory need not.
    ///
    /// # Errors
    /// When writing or syncing failed, or the deadline passed. A failed sync is final for all handles of this file,
    /// because a second one could succeed without the data that the first one lost.
    ///
    /// # Cancel safety
    /// Cancel safe; syncing goes on, and if it fails the next call says so.
    pub async fn sync_data(&mut self) -> Result<(), Error> {
        self.sync(false).await
    }

    /// [`sync_data`](Self::sync_data), and the same for what the file system knows about the file.
    ///
    /// # Errors
    /// As [`sync_data`](Self::sync_data).
    ///
    /// # Cancel safety
    /// As [`sync_data`](Self::sync_data).
    pub async fn sync_all(&mut self) -> Result<(), Error> {
        self.sync(true).await
    }

    /// Cuts the file off at `length`, or lengthens it by zeros, which take no room. The cursor stays where it is.
    ///
    /// # Errors
    /// When what was written before cannot be flushed, or it cannot be done.
    ///
    /// # Cancel safety
    /// Dropped under way, it may be done or not, but is over before the next call that moves the cursor does
    /// anything.
    pub async fn set_len(&mut self, length: u64) -> Result<(), Error> {
        self.flush().await?;
        self.start_resizing(length);
        self.settle().await
    }

    /// How many bytes were taken over and are not written yet.
    pub fn unwritten(&self) -> usize {
        self.gathered.bytes() + self.in_flight.as_ref().map_or(0, |batch| batch.bytes())
    }

    /// The failed write that every call tells of until it is handled.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Handles a failed write: what is not written yet is tried again by the next [`flush`](Self::flush), after room
    /// was made on the device for instance.
    pub fn retry_unwritten(&mut self) {
        self.failure = None;
    }

    /// Handles a failed write: gives back what is not written yet, and goes on without it. The cursor moves back to
    /// where the first of it would have been.
    ///
    /// # Errors
    /// When a write is still under way at the deadline.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing was given back.
    pub async fn discard_unwritten(&mut self) -> Result<Vec<Bytes>, Error> {
        // How it ended shows in what is left.
        let _shown = self.settle().await;
        let taken = match &self.in_flight {
            None => None,
            Some(_) if self.job.is_some() => return Err(self.still_under_way()),
            Some(batch) => Some(batch.take().ok_or_else(|| self.still_under_way())?),
        };
        self.in_flight = None;
        self.failure = None;
        let rest: Vec<_> = taken.into_iter().flatten().chain(self.gathered.take()).collect();
        self.position = self.position.saturating_sub(rest.iter().map(|bytes| bytes.len() as u64).sum());
        Ok(rest)
    }

    /// Whether the handle can be used at all.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.open.check().map_err(|fault| fault.label(&self.open.label(Operation::WriteAt)))?;
        self.failure.clone().map_or(Ok(()), Err)
    }

    /// Waits until there is room for more bytes.
    async fn make_room(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_room(cx)).await
    }

    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.check()?;
        let over = self.job.as_ref().is_some_and(JoinHandle::is_finished);
        if self.gathered.bytes() >= self.open.chunk_size || over {
            ready!(self.poll_settle(cx))?;
            self.write_if_enough();
        }
        Poll::Ready(Ok(()))
    }

    /// Takes bytes over, for which there is room.
    pub(super) fn take_over(&mut self, count: usize, gather: impl FnOnce(&mut Gathered)) {
        if self.open.how != How::InSequence {
            self.ahead.clear();
        }
        self.at_end = None;
        gather(&mut self.gathered);
        self.position += count as u64;
        self.write_if_enough();
    }

    fn write_if_enough(&mut self) {
        if self.job.is_none() && self.gathered.bytes() >= self.open.chunk_size {
            self.start_writing();
        }
    }

    /// What is gathered, to be written by somebody else.
    pub(super) fn rest_as_batch(&mut self) -> Option<Arc<Batch>> {
        let offset = self.position.saturating_sub(self.gathered.bytes() as u64);
        (!self.gathered.is_empty()).then(|| Arc::new(Batch::new(offset, self.gathered.take())))
    }

    async fn sync(&mut self, all: bool) -> Result<(), Error> {
        self.flush().await?;
        let open = Arc::clone(&self.open);
        self.open.ask(Operation::Sync, move |_: &Task<'_>| open.sync(all)).await
    }

    fn still_under_way(&self) -> Error {
        Fault::invalid("a write is still under way").label(&self.open.label(Operation::WriteAt))
    }
}
