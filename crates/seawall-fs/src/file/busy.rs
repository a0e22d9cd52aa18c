//! What is under way for a file, one thing at a time, and outlives whoever waits for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use seawall_core::{CallContext, Error, FailureKind};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::device;
use super::open::How;
use super::unwritten::Batch;
use crate::fault::Fault;
use crate::full_devices::Place;
use crate::work::Task;
use crate::{File, Operation};

/// Work under way. In a task of its own, because who waits may stop waiting: bytes that were taken over are written
/// all the same, and two writes never pass each other.
pub(super) type Job = JoinHandle<Result<Done, Error>>;

/// How a job ended.
#[derive(Debug)]
pub(super) enum Done {
    Read(Chunk),
    Written { end: u64 },
    Measured(u64),
    Resized,
}

/// Bytes that were read ahead, nothing at the end of the file.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Bytes,
    offset: u64,
    changes: u64,
}

impl File {
    /// Waits for what is under way, until the deadline of the context.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_settle(cx)).await
    }

    pub(super) fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(job) = &mut self.job else { return Poll::Ready(Ok(())) };
        let Poll::Ready(joined) = Pin::new(job).poll(cx) else {
            return self.timer.poll(cx).map(|()| {
                let label = self.open.label(self.doing);
                Err(label.error(FailureKind::Timeout, "not done before the deadline; it goes on"))
            });
        };
        self.job = None;
        self.timer = Timer::default();
        Poll::Ready(match joined {
            Ok(Ok(done)) => {
                self.take_in(done);
                Ok(())
            }
            Ok(Err(error)) => {
                if self.in_flight.as_ref().is_some_and(|batch| batch.has_failed()) {
                    self.failure = Some(error.clone());
                }
                Err(error)
            }
            Err(cause) if cause.is_panic() => std::panic::resume_unwind(cause.into_panic()),
            Err(_cancelled) => Err(Fault::lost().label(&self.open.label(self.doing))),
        })
    }

    /// Waits until the operating system has everything.
    pub(super) fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            ready!(self.poll_settle(cx))?;
            self.check()?;
            if !self.start_writing() {
                // The end that a read met which nobody waits for any more may not be the end when the next one asks.
                self.at_end = None;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads more ahead, at most `count` bytes; `false` at the end of the file.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>, count: usize) -> Poll<Result<bool, Error>> {
        loop {
            let before = self.ahead.len();
            if self.is_dirty() {
                ready!(self.poll_flush_all(cx))?;
            } else {
                ready!(self.poll_settle(cx))?;
            }
            match self.at_end.take() {
                Some(end) => return Poll::Ready(Ok(!end)),
                None if self.ahead.len() > before => return Poll::Ready(Ok(true)),
                None => self.start_reading(count),
            }
        }
    }

    /// The same, at once where the page cache has it.
    pub(super) async fn more(&mut self, count: usize) -> Result<bool, Error> {
        if self.job.is_some() || self.is_dirty() || self.open.how == How::InSequence {
            return std::future::poll_fn(|cx| self.poll_more(cx, count)).await;
        }
        // Read from its position, it can be read again: dropping this loses nothing.
        let chunk = self.read_chunk(count).await?;
        let end = chunk.bytes.is_empty();
        self.take_in_chunk(chunk);
        self.at_end = None;
        Ok(!end)
    }

    /// Throws away what was read ahead and has been changed since.
    pub(super) fn forget_the_stale(&mut self) {
        if self.open.how != How::InSequence && self.ahead_as_of != self.open.changes() {
            self.ahead.clear();
        }
    }

    /// Whether anything was taken over and is not written yet.
    pub(super) fn is_dirty(&self) -> bool {
        self.in_flight.is_some() || !self.gathered.is_empty()
    }

    /// Starts to write what is gathered, or what is left of an earlier write; `false` if there is nothing to write.
    /// Nothing else may be under way.
    pub(super) fn start_writing(&mut self) -> bool {
        if self.in_flight.is_none() && !self.gathered.is_empty() {
            let offset = self.position.saturating_sub(self.gathered.bytes() as u64);
            self.in_flight = Some(Arc::new(Batch::new(offset, self.gathered.take())));
        }
        let Some(batch) = self.in_flight.clone() else { return false };
        batch.begin_again();
        self.start(Operation::WriteAt, write(Arc::clone(&self.open), batch));
        true
    }

    pub(super) fn start_measuring(&mut self) {
        let open = Arc::clone(&self.open);
        let measure = async move {
            let file = Arc::clone(&open);
            let length = open.ask(Operation::Metadata, move |_: &Task<'_>| Ok(file.file().metadata()?.len()));
            length.await.map(Done::Measured)
        };
        self.start(Operation::Metadata, measure);
    }

    pub(super) fn start_resizing(&mut self, length: u64) {
        let open = Arc::clone(&self.open);
        let resize = async move {
            let file = Arc::clone(&open);
            let work = move |_: &Task<'_>| {
                file.check()?;
                Ok(file.changing(|| file.file().set_len(length))?)
            };
            open.ask(Operation::SetLen, work).await.map(|()| Done::Resized)
        };
        self.start(Operation::SetLen, resize);
    }

    fn start_reading(&mut self, count: usize) {
        let read = self.read_chunk(count);
        let read = async move { read.await.map(Done::Read) };
        self.start(Operation::ReadAt, read);
    }

    fn start(&mut self, doing: Operation, job: impl Future<Output = Result<Done, Error>> + Send + 'static) {
        debug_assert!(self.job.is_none(), "one thing at a time");
        self.doing = doing;
        // It is the file's own by now, and does not end with the caller's time.
        let context = CallContext::current().without_deadline();
        self.job = Some(tokio::spawn(context.scope(job)));
    }

    fn read_chunk(&self, count: usize) -> impl Future<Output = Result<Chunk, Error>> + Send + use<> {
        let open = Arc::clone(&self.open);
        let (offset, changes) = (self.position + self.ahead.len() as u64, open.changes());
        async move {
            let bytes = match open.how {
                How::InSequence => {
                    let file = Arc::clone(open.file());
                    let work = move |_: &Task<'_>| Ok(device::read_next(&file, count)?.freeze());
                    open.ask(Operation::ReadAt, work).await?
                }
                _ => open.read_at(offset, count).await?,
            };
            Ok(Chunk { bytes, offset, changes })
        }
    }

    fn take_in(&mut self, done: Done) {
        match done {
            // It was begun for a call that was dropped, perhaps, and both the cursor and the content may have moved on.
            Done::Read(chunk) if self.open.how != How::InSequence && chunk.changes != self.open.changes() => {
            }
            Done::Read(chunk) => self.take_in_chunk(chunk),
            Done::Written { end } => {
                self.in_flight = None;
                if self.open.how == How::Appending {
                    self.position = end + self.gathered.bytes() as u64;
                }
            }
            Done::Measured(length) => self.length = Some(length),
            Done::Resized => {}
        }
    }

    fn take_in_chunk(&mut self, Chunk { bytes, offset, changes }: Chunk) {
        if self.open.how != How::InSequence && offset != self.position + self.ahead.len() as u64 {
            return;
        }
        self.at_end = Some(bytes.is_empty());
        if self.ahead.is_empty() {
            self.ahead = BytesMut::from(bytes);
            self.ahead_as_of = changes;
        } else {
            // As old as the oldest of it.
            self.ahead.extend_from_slice(&bytes);
        }
    }
}

pub(super) async fn write(open: Arc<super::open::OpenFile>, batch: Arc<Batch>) -> Result<Done, Error> {
    let (file, bytes) = (Arc::clone(&open), batch.bytes() as u64);
    let work = move |task: &Task<'_>| {
        let place = Place::File(file.file(), &file.path);
        task.engine.full_devices().with_room(place, || batch.write_to(&file))
    };
    let request = crate::FsRequest::about(Operation::WriteAt, Arc::clone(&open.path), work).of_bytes(bytes);
    open.fs.ask(request).await.map(|end| Done::Written { end })
}

/// Ends a wait at the deadline of the context it is polled in.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = CallContext::current_deadline().map(tokio::time::Instant::from) else {
            self.0 = None;
            return Poll::Pending;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}
