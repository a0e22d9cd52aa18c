use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error};
use tokio_util::task::AbortOnDropHandle;

use super::splitter::{Splitter, Then};
use super::{LineBatch, LineOptions};
use crate::byte_rate::Toll;
use crate::descriptors::Closing;
use crate::engine::Engine;
use crate::fault::{Fault, Label};
use crate::read;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

/// Chunks read in one visit to a thread.
const CHUNKS: usize = 4;

/// The longest line there can be.
const MOST: usize = 1 << 30;

/// The lines of a file in batches; made by [`Fs::line_batches`](crate::Fs::line_batches).
///
/// A batch is about one configured chunk, more if a line is longer. The next batches are read ahead on a thread while
/// you work on these, eight in memory at the most (and ten times the longest line allowed). A reader that takes its
/// time occupies no thread and no slot. After an error or the end there is nothing more.
///
/// # Cancel safety
/// Dropping a wait for the next batch loses nothing. Dropping the stream closes the file.
pub struct LineBatches {
    label: Label,
    state: State,
    batches: VecDeque<LineBatch>,
    deadline: Option<Instant>,
    toll: Toll<LineBatch>,
}

enum State {
    Opening(BoxFuture<'static, Result<Reader, Error>>),
    Reading(AbortOnDropHandle<Result<Step, Error>>),
    Failed(Error),
    Over,
}

/// A file in the course of being read.
struct Reader {
    engine: Engine,
    label: Label,
    file: File,
    splitter: Splitter,
    /// Behind the file, to be dropped after it.
    _closing: Closing,
}

/// What one visit to a thread has read.
struct Step {
    batches: VecDeque<LineBatch>,
    then: Result<Option<Reader>, Error>,
}

impl Reader {
    fn read_ahead(self, deadline: Option<Instant>) -> AbortOnDropHandle<Result<Step, Error>> {
        let (engine, label) = (self.engine.clone(), self.label.clone());
        // A task of its own, because a future polled only now and then could be given a slot and sit on it.
        AbortOnDropHandle::new(tokio::spawn(async move {
            engine.run(&label, deadline, move |_| Ok(self.read())).await
        }))
    }

    fn read(mut self) -> Step {
        let mut batches = VecDeque::with_capacity(CHUNKS);
        while batches.len() < CHUNKS {
            let (batch, then) = self.splitter.next(&self.file, self.engine.buffers());
            batches.extend(batch);
            match then {
                Then::More => {}
                Then::End => return Step { batches, then: Ok(None) },
                Then::Failed(fault) => return Step { batches, then: Err(fault.label(&self.label)) },
            }
        }
        Step { batches, then: Ok(Some(self)) }
    }
}

impl LineBatches {
    pub(super) fn new(client: &Fs, path: &Path, options: LineOptions) -> Self {
        let work = move |task: &Task<'_>| {
            // Where lines end is kept in 32 bits.
            if options.max_length > MOST {
                return Err(Fault::invalid("a line of more than 1 GiB is not possible: lower the limit"));
            }
            let file = read::open(&task.label.path, 0)?;
            let splitter = Splitter::new(options, task.engine.chunk_size().min(MOST));
            let (engine, label) = (task.engine.clone(), task.label.clone());
            let closing = Closing::tells(engine.descriptors());
            Ok(Reader { engine, label, file, splitter, _closing: closing })
        };
        let request = FsRequest::new(Operation::Lines, path, work);
        let label = request.label();
        let (client, context) = (client.clone(), CallContext::current());
        let deadline = context.deadline_at();
        let opening = context.scope(async move { client.ask(request).await });
        Self {
            label,
            state: State::Opening(Box::pin(opening)),
            batches: VecDeque::new(),
            deadline,
            toll: Toll::of(None),
        }
    }
}

impl Stream for LineBatches {
    type Item = Result<LineBatch, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match ready!(this.toll.poll(cx)) {
                Some(Err(error)) => {
                    this.batches.clear();
                    this.state = State::Failed(error);
                }
                paid @ Some(Ok(_)) => return Poll::Ready(paid),
                None => {}
            }
            if let Some(batch) = this.batches.pop_front() {
                let bytes = batch.data().len();
                match this.toll.pass(batch, bytes, this.deadline) {
                    Some(batch) => return Poll::Ready(Some(Ok(batch))),
                    None => continue,
                }
            }
            this.state = match std::mem::replace(&mut this.state, State::Over) {
                State::Opening(mut opening) => match opening.as_mut().poll(cx) {
                    Poll::Ready(Ok(reader)) => {
                        this.toll = Toll::of(reader.engine.byte_rate().cloned());
                        State::Reading(reader.read_ahead(this.deadline))
                    }
                    Poll::Ready(Err(error)) => State::Failed(error),
                    Poll::Pending => {
                        this.state = State::Opening(opening);
                        return Poll::Pending;
                    }
                },
                State::Reading(mut task) => match Pin::new(&mut task).poll(cx) {
                    Poll::Ready(Ok(Ok(step))) => {
                        this.batches = step.batches;
                        match step.then {
                            Ok(Some(reader)) => State::Reading(reader.read_ahead(this.deadline)),
                            Ok(None) => State::Over,
                            Err(error) => State::Failed(error),
                        }
                    }
                    Poll::Ready(Ok(Err(error))) => State::Failed(error),
                    Poll::Ready(Err(cause)) if cause.is_panic() => {
                        std::panic::resume_unwind(cause.into_panic())
                    }
                    Poll::Ready(Err(_cancelled)) => State::Failed(Fault::lost().label(&this.label)),
                    Poll::Pending => {
                        this.state = State::Reading(task);
                        return Poll::Pending;
                    }
                },
                State::Failed(error) => return Poll::Ready(Some(Err(error))),
                State::Over => return Poll::Ready(None),
            };
        }
    }
}

impl fmt::Debug for LineBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Opening(_) => "opening",
            State::Reading(_) => "reading",
            State::Failed(_) => "failed",
            State::Over => "over",
        };
        f.debug_struct("LineBatches")
            .field("state", &state)
            .field("batches", &self.batches.len())
            .finish_non_exhaustive()
    }
}
