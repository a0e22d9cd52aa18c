use std::collections::VecDeque;
use std::fs::File;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use seawall_core::Error;
use tokio_util::task::AbortOnDropHandle;

use super::LineBatch;
use super::splitter::{self, Splitter};
use crate::descriptors::Closing;
use crate::engine::{Abandoned, Engine};
use crate::fault::{Fault, Label};

/// With so many batches read and not taken, the reading stops until half of them are taken.
const AHEAD: usize = 6;

/// The most batches read in one visit to a thread, which others may be waiting for.
const VISIT: usize = 64;

/// A file in the course of being read.
pub(super) struct Reader {
    pub(super) engine: Engine,
    pub(super) label: Label,
    pub(super) file: File,
    pub(super) splitter: Splitter,
    /// Behind the file, to be dropped after it.
    pub(super) _closing: Closing,
}

/// The batches of a file, read by a thread while others are worked on.
pub(super) struct ReadAhead {
    engine: Engine,
    label: Label,
    deadline: Option<Instant>,
    belt: Arc<Belt>,
    visit: Option<AbortOnDropHandle<Result<(), Error>>>,
}

/// What the thread and the one who takes the batches share.
struct Belt(Mutex<Load>);

struct Load {
    batches: VecDeque<LineBatch>,
    then: Then,
    /// Who waits for a batch.
    waiting: Option<Waker>,
}

enum Then {
    /// A thread reads on.
    Reading,
    /// It is to be read on when there is room.
    More(Reader),
    Over(Option<Error>),
}

impl ReadAhead {
    pub(super) fn new(reader: Reader, deadline: Option<Instant>) -> Self {
        let (engine, label) = (reader.engine.clone(), reader.label.clone());
        let load = Load { batches: VecDeque::with_capacity(AHEAD), then: Then::More(reader), waiting: None };
        Self { engine, label, deadline, belt: Arc::new(Belt(Mutex::new(load))), visit: None }
    }

    /// How many batches are there.
    pub(super) fn len(&self) -> usize {
        self.belt.load().batches.len()
    }

    /// The next batch. After an error or the end it must not be asked again.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<LineBatch, Error>>> {
        loop {
            let (batch, then) = self.belt.take(cx);
            match then {
                Then::More(reader) => self.visit = Some(self.visit(reader)),
                Then::Over(error) => return Poll::Ready(error.map(Err)),
                Then::Reading => {}
            }
            if let Some(batch) = batch {
                return Poll::Ready(Some(Ok(batch)));
            }
            let lost = || Fault::lost().label(&self.label);
            let Some(visit) = &mut self.visit else { return Poll::Ready(Some(Err(lost()))) };
            match ready!(Pin::new(visit).poll(cx)) {
                // What it has left is on the belt.
                Ok(Ok(())) => self.visit = None,
                Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
                Err(cause) if cause.is_panic() => std::panic::resume_unwind(cause.into_panic()),
                Err(_cancelled) => return Poll::Ready(Some(Err(lost()))),
            }
        }
    }

    fn visit(&self, reader: Reader) -> AbortOnDropHandle<Result<(), Error>> {
        let (engine, label, deadline) = (self.engine.clone(), self.label.clone(), self.deadline);
        let belt = Arc::clone(&self.belt);
        // A task of its own, so that the deadline is kept whether anybody polls or not.
        AbortOnDropHandle::new(tokio::spawn(async move {
            let work = move |abandoned: &Abandoned| {
                reader.read(&belt, abandoned);
                Ok(())
            };
            engine.run(&label, deadline, work).await
        }))
    }
}

impl Reader {
    /// Reads on, as far as there is room on the belt.
    fn read(mut self, belt: &Belt, abandoned: &Abandoned) {
        for visited in 1.. {
            let (batch, then) = self.splitter.next(&self.file, self.engine.buffers());
            let there = belt.put(batch);
            match then {
                splitter::Then::More if visited == VISIT || there >= AHEAD => {
                    return belt.end(Then::More(self));
                }
                splitter::Then::More => {}
                splitter::Then::End => return belt.end(Then::Over(None)),
                splitter::Then::Failed(fault) => {
                    return belt.end(Then::Over(Some(fault.label(&self.label))));
                }
            }
            if abandoned.is_set() {
                return;
            }
        }
    }
}

impl Belt {
    /// Answers how many there are now.
    fn put(&self, batch: Option<LineBatch>) -> usize {
        let mut load = self.load();
        load.batches.extend(batch);
        let (there, waiting) = (load.batches.len(), load.waiting.take());
        drop(load);
        waiting.into_iter().for_each(Waker::wake);
        there
    }

    /// Ends a visit.
    fn end(&self, then: Then) {
        let mut load = self.load();
        load.then = then;
        let waiting = load.waiting.take();
        drop(load);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The next batch, and what is to be done about those to come.
    fn take(&self, cx: &Context<'_>) -> (Option<LineBatch>, Then) {
        let mut load = self.load();
        let batch = load.batches.pop_front();
        if batch.is_none() {
            load.waiting = Some(cx.waker().clone());
        }
        let now = match &load.then {
            Then::Reading => false,
            Then::More(_) => load.batches.len() <= AHEAD / 2,
            Then::Over(_) => batch.is_none(),
        };
        let then = if now { std::mem::replace(&mut load.then, Then::Reading) } else { Then::Reading };
        (batch, then)
    }

    fn load(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
