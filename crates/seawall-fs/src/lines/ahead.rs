use std::collections::VecDeque;
use std::fs::File;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use seawall_core::Error;
use tokio_util::task::AbortOnDropHandle;

use super::LineBatch;
use super::splitter::{self, Part, Splitter};
use crate::descriptors::Closing;
use crate::engine::{Abandoned, Buffers, Engine};
use crate::fault::{Fault, Label};

/// With so many batches read and not taken, the reading stops until half of them are taken.
const AHEAD: usize = 6;

/// The most batches read in one visit to a thread, which others may be waiting for.
const VISIT: usize = 64;

/// Who waits for a batch, and so has nothing else to do, looks himself where its lines end while the next one is read;
/// but not in more than this, which takes some 50 µs.
const HANDED_ON: usize = 256 * 1024;

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
    /// What is wrong behind the last batch.
    fault: Option<Fault>,
}

/// What the thread and the one who takes the batches share.
struct Belt(Mutex<Load>);

struct Load {
    batches: VecDeque<Batch>,
    then: Then,
    /// Who waits for a batch.
    waiting: Option<Waker>,
}

enum Batch {
    Cut(LineBatch),
    Whole(Part),
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
        Self { engine, label, deadline, belt: Arc::new(Belt(Mutex::new(load))), visit: None, fault: None }
    }

    /// How many batches are there.
    pub(super) fn len(&self) -> usize {
        self.belt.load().batches.len()
    }

    /// The next batch. After an error or the end it must not be asked again.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<LineBatch, Error>>> {
        loop {
            if let Some(fault) = self.fault.take() {
                return Poll::Ready(Some(Err(fault.label(&self.label))));
            }
            let (batch, then) = self.belt.take(cx);
            match then {
                Then::More(reader) => self.visit = Some(self.visit(reader)),
                Then::Over(error) => return Poll::Ready(error.map(Err)),
                Then::Reading => {}
            }
            match batch {
                Some(Batch::Cut(batch)) => return Poll::Ready(Some(Ok(batch))),
                Some(Batch::Whole(part)) => {
                    let (batch, fault) = part.cut(self.engine.buffers());
                    self.fault = fault;
                    match batch {
                        Some(batch) => return Poll::Ready(Some(Ok(batch))),
                        None => continue,
                    }
                }
                None => {}
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
            let file = &self.file;
            let (part, then) = self.splitter.next(self.engine.buffers(), |data| splitter::fill(file, data));
            let (there, fault) = belt.put(part, self.engine.buffers());
            let then = match (fault, then) {
                (Some(fault), _) | (None, splitter::Then::Failed(fault)) => {
                    Then::Over(Some(fault.label(&self.label)))
                }
                (None, splitter::Then::End) => Then::Over(None),
                (None, splitter::Then::Interrupted(never)) => match never {},
                (None, splitter::Then::More) if visited == VISIT || there >= AHEAD => Then::More(self),
                (None, splitter::Then::More) if abandoned.is_set() => return,
                (None, splitter::Then::More) => continue,
            };
            return belt.end(then);
        }
    }
}

impl Belt {
    /// Answers how many there are now, and what is wrong behind the last.
    fn put(&self, part: Part, buffers: &Buffers) -> (usize, Option<Fault>) {
        let (batch, fault) = if part.len() <= HANDED_ON && self.load().waiting.is_some() {
            (Some(Batch::Whole(part)), None)
        } else {
            let (batch, fault) = part.cut(buffers);
            (batch.map(Batch::Cut), fault)
        };
        let mut load = self.load();
        load.batches.extend(batch);
        let (there, waiting) = (load.batches.len(), load.waiting.take());
        drop(load);
        waiting.into_iter().for_each(Waker::wake);
        (there, fault)
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
    fn take(&self, cx: &Context<'_>) -> (Option<Batch>, Then) {
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
