use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error};

use super::ahead::{ReadAhead, Reader};
use super::splitter::Splitter;
use super::{LineBatch, LineOptions};
use crate::byte_rate::Toll;
use crate::descriptors::Closing;
use crate::fault::Fault;
use crate::read;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

/// The longest line there can be.
const MOST: usize = 1 << 30;

/// The lines of a file in batches; made by [`Fs::line_batches`](crate::Fs::line_batches).
///
/// A batch is about one configured chunk, more if a line is longer. The next batches are read ahead on a thread while
/// you work on these, eight in memory at the most (and ten times the longest line allowed). A reader that takes its
/// time occupies no thread. After an error or the end there is nothing more.
///
/// # Cancel safety
/// Dropping a wait for the next batch loses nothing. Dropping the stream closes the file.
pub struct LineBatches {
    state: State,
    deadline: Option<Instant>,
    toll: Toll<LineBatch>,
}

enum State {
    Opening(BoxFuture<'static, Result<Reader, Error>>),
    Reading(ReadAhead),
    Over,
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
        let (client, context) = (client.clone(), CallContext::current());
        let deadline = context.deadline_at();
        let opening = context.scope(async move { client.ask(request).await });
        Self { state: State::Opening(Box::pin(opening)), deadline, toll: Toll::of(None) }
    }
}

impl Stream for LineBatches {
    type Item = Result<LineBatch, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(paid) = ready!(this.toll.poll(cx)) {
                if paid.is_err() {
                    this.state = State::Over;
                }
                return Poll::Ready(Some(paid));
            }
            match &mut this.state {
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(reader) => {
                        this.toll = Toll::of(reader.engine.byte_rate().cloned());
                        this.state = State::Reading(ReadAhead::new(reader, this.deadline));
                    }
                    Err(error) => {
                        this.state = State::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Reading(ahead) => match ready!(ahead.poll_next(cx)) {
                    Some(Ok(batch)) => {
                        let bytes = batch.data().len();
                        if let Some(batch) = this.toll.pass(batch, bytes, this.deadline) {
                            return Poll::Ready(Some(Ok(batch)));
                        }
                    }
                    end => {
                        this.state = State::Over;
                        return Poll::Ready(end);
                    }
                },
                State::Over => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for LineBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, batches) = match &self.state {
            State::Opening(_) => ("opening", 0),
            State::Reading(ahead) => ("reading", ahead.len()),
            State::Over => ("over", 0),
        };
        f.debug_struct("LineBatches")
            .field("state", &state)
            .field("batches", &batches)
            .finish_non_exhaustive()
    }
}
