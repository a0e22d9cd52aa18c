use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use seawall_core::{CallContext, Error};

use super::ahead::{ReadAhead, Reader};
use super::splitter::{Interruption, Splitter, Then, fill_cached};
use super::{LineBatch, LineOptions};
use crate::byte_rate::Toll;
use crate::descriptors::Closing;
use crate::engine::{Need, in_time, turn};
use crate::fault::Fault;
use crate::read;
use crate::work::Task;
use crate::{Fs, FsRequest, Operation};

/// The longest line there can be.
const MOST: usize = 1 << 30;

/// The lines of a file in batches; made by [`Fs::line_batches`](crate::Fs::line_batches).
///
/// A batch is about one configured chunk, more if a line is longer. What the page cache holds is read when it is asked
/// for. From where it does not, the next batches are read ahead on a thread while you work on these, eight in memory at
/// the most (and ten times the longest line allowed). A reader that takes its time occupies no thread. After an error or
/// the end there is nothing more.
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
    /// In the midst of what the page cache holds, as far as is known.
    At(Reader),
    /// The same, while others have their turn.
    Yielding(BoxFuture<'static, ()>, Reader),
    Reading(ReadAhead),
    Failed(Error),
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
            task.engine.look_at(&task.label.path, Need::Content, || file.try_clone());
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

impl LineBatches {
    /// Goes on reading: from the page cache while that answers, else on a thread. Leaves behind how it goes on.
    fn go_on(&mut self, mut reader: Reader) -> Option<LineBatch> {
        let Reader { engine, label, file, splitter, .. } = &mut reader;
        let attempt = if in_time(self.deadline) { engine.may_try(&label.path, Need::Content) } else { None };
        let Some(attempt) = attempt else {
            self.state = State::Reading(ReadAhead::new(reader, self.deadline));
            return None;
        };
        let (part, then) = splitter.next(engine.buffers(), |data| fill_cached(file, data));
        let (batch, fault) = turn::count(|| part.cut(engine.buffers()));
        self.state = match (fault, then) {
            (Some(fault), _) | (None, Then::Failed(fault)) => State::Failed(fault.label(label)),
            (None, Then::End) => State::Over,
            (None, Then::More) => {
                engine.tried(attempt, true);
                State::At(reader)
            }
            (None, Then::Interrupted(Interruption::TurnOver)) => {
                State::Yielding(Box::pin(turn::let_others()), reader)
            }
            (None, Then::Interrupted(Interruption::Missed { refused })) => {
                if refused {
                    engine.refused(attempt);
                } else {
                    engine.tried(attempt, false);
                }
                State::Reading(ReadAhead::new(reader, self.deadline))
            }
        };
        batch
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
                        this.state = State::At(reader);
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
                State::At(_) => {
                    if let State::At(reader) = std::mem::replace(&mut this.state, State::Over)
                        && let Some(batch) = this.go_on(reader)
                    {
                        let bytes = batch.data().len();
                        if let Some(batch) = this.toll.pass(batch, bytes, this.deadline) {
                            return Poll::Ready(Some(Ok(batch)));
                        }
                    }
                }
                State::Yielding(others, _) => {
                    ready!(others.as_mut().poll(cx));
                    if let State::Yielding(_, reader) = std::mem::replace(&mut this.state, State::Over) {
                        this.state = State::At(reader);
                    }
                }
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

impl fmt::Debug for LineBatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, batches) = match &self.state {
            State::Opening(_) => ("opening", 0),
            State::At(_) | State::Yielding(..) => ("reading", 0),
            State::Reading(ahead) => ("reading", ahead.len()),
            State::Failed(_) => ("failed", 0),
            State::Over => ("over", 0),
        };
        f.debug_struct("LineBatches")
            .field("state", &state)
            .field("batches", &batches)
            .finish_non_exhaustive()
    }
}
