use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error, FailureKind};
use tokio_util::task::AbortOnDropHandle;

use crate::byte_rate::Toll;
use crate::descriptors::Closing;
use crate::engine::{Abandoned, Engine, Need, Try, in_time, turn};
use crate::fault::Label;
use crate::read::{self, Batch, Then};
use crate::work::{INLINE_MOST, Task};
use crate::{Fs, FsRequest, Operation, sys};

impl Fs {
    /// The content of a file from byte `offset` on, in chunks of the configured size; nothing if it ends
    /// before.
    ///
    /// Opening passes through the stack, when the stream is first polled; reading does not, because what
    /// was read cannot be read once more into a stream that has gone on. The whole stream ends at the
    /// deadline of the context in which it was made.
    pub fn stream(&self, path: impl AsRef<Path>, offset: u64) -> FileStream {
        let work = move |task: &Task<'_>| {
            let path = &task.label.path;
            let file = read::open(path, offset)?;
            task.engine.look_at(path, Need::Content, || file.try_clone());
            let (engine, label) = (task.engine.clone(), task.label.clone());
            let closing = Closing::tells(engine.descriptors());
            Ok(FileReader { engine, label, file, on_threads: 0, closing })
        };
        let request = FsRequest::new(Operation::Stream, path.as_ref(), work);
        let (client, context) = (self.clone(), CallContext::current());
        let deadline = context.deadline_at();
        FileStream::open(context.scope(async move { client.ask(request).await }), deadline)
    }
}

/// Chunks read in one visit to a thread. While the reader works through one batch, the next one is read: at
/// most two batches are in memory.
const BATCH: usize = 2;

/// Batches read on threads, after the page cache did not hold what came next, before it is asked again.
const ON_THREADS: u32 = 8;

/// A file that is being streamed.
#[derive(Debug)]
struct FileReader {
    engine: Engine,
    label: Label,
    file: File,
    /// Batches to be read on threads before anything else is tried.
    on_threads: u32,
    /// Behind the file, to be dropped after it.
    closing: Closing,
}

impl FileReader {
    /// Has the next chunks read on a thread; the first of them may hold something already.
    fn read_ahead(mut self, begun: BytesMut, deadline: Option<Instant>) -> ReadAhead {
        self.on_threads = self.on_threads.saturating_sub(1);
        // A task of its own, so that the deadline is kept whether anybody polls or not.
        AbortOnDropHandle::new(tokio::spawn(async move {
            let Self { engine, label, file, on_threads, closing } = self;
            let its = engine.clone();
            let work =
                move |_: &Abandoned| Ok(read::batch(file, BATCH, its.chunk_size(), begun, its.buffers()));
            let Batch { chunks, then } = engine.run(&label, deadline, work).await?;
            let then = match then {
                Then::More(file) => Ok(Some(Self { engine, label, file, on_threads, closing })),
                Then::End => Ok(None),
                Then::Failed(fault) => Err(fault.label(&label)),
            };
            Ok((chunks, then))
        }))
    }

    /// Reads on into `chunk` what the page cache holds, in steps that keep nobody waiting.
    fn read_cached(&mut self, chunk: &mut BytesMut, attempt: Try) -> Cached {
        let size = self.engine.chunk_size();
        while chunk.len() < size {
            if turn::is_over() {
                return Cached::TurnOver;
            }
            let missing = (size - chunk.len()).min(INLINE_MOST as usize);
            match turn::count(|| sys::read_cached(&self.file, chunk, missing, None)) {
                Ok(0) if sys::is_at_end(&self.file) => return Cached::Ended,
                Ok(0) => return Cached::Missed,
                Ok(_) => {}
                Err(cause) => {
                    self.on_threads = ON_THREADS;
                    if cause.kind() == io::ErrorKind::WouldBlock {
                        self.engine.tried(attempt, false);
                    } else {
                        self.engine.refused(attempt);
                    }
                    return Cached::Missed;
                }
            }
        }
        self.engine.tried(attempt, true);
        Cached::Full
    }
}

/// How reading from the page cache went.
enum Cached {
    Full,
    Ended,
    Missed,
    TurnOver,
}

type ReadAhead = AbortOnDropHandle<Result<(Vec<Bytes>, Result<Option<FileReader>, Error>), Error>>;

/// The chunks of a file, in order; made by [`Fs::stream`](crate::Fs::stream).
///
/// Each chunk has the configured size, except the last. After an error or the end there is nothing more. A
/// file that is appended to meanwhile ends where its end is met first; one that is replaced (as
/// `write_atomic` does) is read to the end as it was when opened.
///
/// What the page cache holds is read when it is asked for. What it does not hold is read ahead on a thread while you
/// work on the chunks before, four chunks in memory at the most. A reader that takes its time occupies no thread. The
/// memory of a chunk that you drop is used for a later one.
///
/// # Cancel safety
/// Dropping a wait for the next chunk loses nothing. Dropping the stream closes the file.
pub struct FileStream {
    state: State,
    chunks: VecDeque<Bytes>,
    deadline: Option<Instant>,
    toll: Toll<Bytes>,
}

enum State {
    Opening(BoxFuture<'static, Result<FileReader, Error>>),
    /// At the beginning of a chunk or within it.
    At(FileReader, BytesMut),
    /// The same, while others have their turn.
    Yielding(BoxFuture<'static, ()>, FileReader, BytesMut),
    Reading(ReadAhead),
    Failed(Error),
    Over,
}

impl FileStream {
    fn open(
        opening: impl Future<Output = Result<FileReader, Error>> + Send + 'static,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            state: State::Opening(Box::pin(opening)),
            chunks: VecDeque::new(),
            deadline,
            toll: Toll::of(None),
        }
    }

    /// Goes on reading: from the page cache while that answers, else on a thread.
    fn go_on(&mut self, mut reader: FileReader, mut chunk: BytesMut) -> State {
        let engine = &reader.engine;
        let path = &reader.label.path;
        let attempt = if reader.on_threads == 0 && in_time(self.deadline) {
            engine.may_try(path, Need::Content)
        } else {
            None
        };
        if chunk.capacity() == 0 {
            chunk = engine.buffers().take(engine.chunk_size());
        }
        let Some(attempt) = attempt else {
            return State::Reading(reader.read_ahead(chunk, self.deadline));
        };
        match reader.read_cached(&mut chunk, attempt) {
            Cached::Full => {
                self.chunks.push_back(reader.engine.buffers().share(chunk));
                State::At(reader, BytesMut::new())
            }
            Cached::Ended => {
                if !chunk.is_empty() {
                    self.chunks.push_back(reader.engine.buffers().share(chunk));
                }
                State::Over
            }
            Cached::TurnOver => State::Yielding(Box::pin(turn::let_others()), reader, chunk),
            Cached::Missed => State::Reading(reader.read_ahead(chunk, self.deadline)),
        }
    }

    /// What follows a batch that was read on a thread.
    fn after(&self, then: Result<Option<FileReader>, Error>) -> State {
        match then {
            // Reads ahead, unless it is time to ask the page cache again.
            Ok(Some(reader)) if reader.on_threads > 0 || !reader.engine.tries() => {
                let chunk = reader.engine.buffers().take(reader.engine.chunk_size());
                State::Reading(reader.read_ahead(chunk, self.deadline))
            }
            Ok(Some(reader)) => State::At(reader, BytesMut::new()),
            Ok(None) => State::Over,
            Err(error) => State::Failed(error),
        }
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match ready!(this.toll.poll(cx)) {
                Some(Err(error)) => {
                    this.chunks.clear();
                    this.state = State::Failed(error);
                }
                paid @ Some(Ok(_)) => return Poll::Ready(paid),
                None => {}
            }
            if let Some(chunk) = this.chunks.pop_front() {
                let bytes = chunk.len();
                match this.toll.pass(chunk, bytes, this.deadline) {
                    Some(chunk) => return Poll::Ready(Some(Ok(chunk))),
                    None => continue,
                }
            }
            match &mut this.state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(reader) => {
                        this.toll = Toll::of(reader.engine.byte_rate().cloned());
                        this.state = State::At(reader, BytesMut::new());
                    }
                    Err(error) => this.state = State::Failed(error),
                },
                State::Yielding(others, ..) => {
                    ready!(others.as_mut().poll(cx));
                    if let State::Yielding(_, reader, chunk) = std::mem::replace(&mut this.state, State::Over)
                    {
                        this.state = State::At(reader, chunk);
                    }
                }
                State::At(..) => {
                    if let State::At(reader, chunk) = std::mem::replace(&mut this.state, State::Over) {
                        this.state = this.go_on(reader, chunk);
                    }
                }
                State::Reading(task) => match ready!(Pin::new(task).poll(cx)) {
                    Ok(Ok((chunks, then))) => {
                        this.chunks.extend(chunks);
                        this.state = this.after(then);
                    }
                    Ok(Err(error)) => this.state = State::Failed(error),
                    Err(cause) => {
                        let error = Error::new(FailureKind::Cancelled, "fs", "stream")
                            .with_message("the runtime shut down before the next chunk was read")
                            .with_source(cause);
                        this.state = State::Failed(error);
                    }
                },
                State::Failed(_) | State::Over => {
                    return Poll::Ready(match std::mem::replace(&mut this.state, State::Over) {
                        State::Failed(error) => Some(Err(error)),
                        _ => None,
                    });
                }
            }
        }
    }
}

impl fmt::Debug for FileStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Opening(_) => "opening",
            State::At(..) | State::Yielding(..) | State::Reading(_) => "reading",
            State::Failed(_) => "failed",
            State::Over => "over",
        };
        f.debug_struct("FileStream")
            .field("state", &state)
            .field("chunks", &self.chunks.len())
            .finish_non_exhaustive()
    }
}
