use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error, FailureKind};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::Engine;
use crate::fault::Label;
use crate::read::{self, Batch, Then};
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

impl Fs {
    /// The content of a file from byte `offset` on, in chunks of the configured size; nothing if it ends
    /// before.
    ///
    /// Opening passes through the stack, when the stream is first polled; reading does not, because what
    /// was read cannot be read once more into a stream that has gone on. The whole stream ends at the
    /// deadline of the context in which it was made.
    pub fn stream(&self, path: impl AsRef<Path>, offset: u64) -> FileStream {
        let work = move |task: &Task<'_>| {
            let file = read::open(&task.label.path, offset)?;
            Ok(FileReader { engine: task.engine.clone(), label: task.label.clone(), file })
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

/// A file opened to be streamed, before anything was read.
#[derive(Debug)]
struct FileReader {
    engine: Engine,
    label: Label,
    file: File,
}

impl FileReader {
    fn read_ahead(self, deadline: Option<Instant>) -> ReadAhead {
        let Self { engine, label, file } = self;
        // A task of its own, because a future polled only now and then could be given a slot and sit on it.
        AbortOnDropHandle::new(tokio::spawn(async move {
            let size = engine.chunk_size();
            let batch = engine.run(&label, deadline, move |_| Ok(read::batch(file, BATCH, size))).await?;
            Ok((batch, engine, label))
        }))
    }
}

type ReadAhead = AbortOnDropHandle<Result<(Batch, Engine, Label), Error>>;

/// The chunks of a file, in order; made by [`Fs::stream`](crate::Fs::stream).
///
/// Each chunk has the configured size, except the last. After an error or the end there is nothing more. A
/// file that is appended to meanwhile ends where its end is met first; one that is replaced (as
/// `write_atomic` does) is read to the end as it was when opened.
///
/// The next chunks are read ahead on a thread while you work on these, four chunks in memory at the most. A
/// reader that takes its time occupies no thread and no slot.
///
/// # Cancel safety
/// Dropping a wait for the next chunk loses nothing. Dropping the stream closes the file.
pub struct FileStream {
    state: State,
    chunks: VecDeque<Bytes>,
    deadline: Option<Instant>,
}

enum State {
    Opening(BoxFuture<'static, Result<FileReader, Error>>),
    Reading(ReadAhead),
    Failed(Error),
    Over,
}

impl FileStream {
    fn open(
        opening: impl Future<Output = Result<FileReader, Error>> + Send + 'static,
        deadline: Option<Instant>,
    ) -> Self {
        Self { state: State::Opening(Box::pin(opening)), chunks: VecDeque::new(), deadline }
    }

    /// Takes a batch in, and has the next one read.
    fn take_in(&mut self, batch: Batch, engine: Engine, label: Label) {
        self.chunks.extend(batch.chunks);
        self.state = match batch.then {
            Then::More(file) => State::Reading(FileReader { engine, label, file }.read_ahead(self.deadline)),
            Then::End => State::Over,
            Then::Failed(fault) => State::Failed(fault.label(&label)),
        };
    }
}

impl Stream for FileStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(chunk) = this.chunks.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            match &mut this.state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(reader) => this.state = State::Reading(reader.read_ahead(this.deadline)),
                    Err(error) => this.state = State::Failed(error),
                },
                State::Reading(task) => match ready!(Pin::new(task).poll(cx)) {
                    Ok(Ok((batch, engine, label))) => this.take_in(batch, engine, label),
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
            State::Reading(_) => "reading",
            State::Failed(_) => "failed",
            State::Over => "over",
        };
        f.debug_struct("FileStream")
            .field("state", &state)
            .field("chunks", &self.chunks.len())
            .finish_non_exhaustive()
    }
}
