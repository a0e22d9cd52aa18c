use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Semaphore;

use super::Answer;

/// One entry of the readiness script. Where the script has ended, an instance is ready at once.
#[derive(Debug)]
pub enum Readiness<E> {
    /// Pending this many times, waking its caller each time, then ready.
    Pending(u32),
    /// Pending until [`Hostile::unblock`] wakes everybody, then ready.
    Blocked,
    /// `poll_ready` fails with this error, once.
    Err(E),
}

/// What was done to the hostile service, over all its clones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instances alive.
    pub instances: usize,
    /// How often `poll_ready` was called.
    pub polls: u64,
    /// How often `call` was called.
    pub calls: u64,
    /// Instances that hold readiness now and have not spent it.
    pub holding: usize,
    /// How often readiness was given back unspent: the instance that held it was dropped.
    pub released: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// The most calls that were under way at once.
    pub peak_in_flight: usize,
    /// Calls that ended by themselves, with a response, an error or a panic.
    pub completed: u64,
    /// Calls whose future was dropped before they ended.
    pub dropped: u64,
}

/// Scripts and watches a [`HostileService`](super::HostileService) and all its clones.
pub struct Hostile<Res, E> {
    script: Arc<Mutex<Script<Res, E>>>,
    counts: SharedCounts,
    gate: Arc<Semaphore>,
}

struct Script<Res, E> {
    readiness: VecDeque<Readiness<E>>,
    answers: VecDeque<Answer<Res, E>>,
    blocked: Vec<Waker>,
}

impl<Res, E> Hostile<Res, E> {
    /// Adds to the readiness script, which instances use up together in the order they are polled.
    pub fn readiness(&self, script: impl IntoIterator<Item = Readiness<E>>) {
        self.script().readiness.extend(script);
    }

    /// Adds to the answers, which calls use up in their order.
    pub fn answers(&self, script: impl IntoIterator<Item = Answer<Res, E>>) {
        self.script().answers.extend(script);
    }

    /// Ends a [`Readiness::Blocked`] at the head of the script.
    pub fn unblock(&self) {
        let mut script = self.script();
        if matches!(script.readiness.front(), Some(Readiness::Blocked)) {
            script.readiness.pop_front();
        }
        let blocked = std::mem::take(&mut script.blocked);
        drop(script);
        blocked.into_iter().for_each(Waker::wake);
    }

    /// Lets this many [`Answer::Held`] go, now or when they come.
    pub fn release(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    pub(super) fn new() -> Self {
        let script = Script { readiness: VecDeque::new(), answers: VecDeque::new(), blocked: Vec::new() };
        Self {
            script: Arc::new(Mutex::new(script)),
            counts: SharedCounts::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    pub(super) fn poll_ready(&self, holds: bool, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.counts.lock().polls += 1;
        if holds {
            return Poll::Ready(Ok(()));
        }
        let mut script = self.script();
        match script.readiness.pop_front() {
            None | Some(Readiness::Pending(0)) => Poll::Ready(Ok(())),
            Some(Readiness::Pending(times)) => {
                script.readiness.push_front(Readiness::Pending(times - 1));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Readiness::Blocked) => {
                script.readiness.push_front(Readiness::Blocked);
                if !script.blocked.iter().any(|waker| waker.will_wake(cx.waker())) {
                    script.blocked.push(cx.waker().clone());
                }
                Poll::Pending
            }
            Some(Readiness::Err(error)) => Poll::Ready(Err(error)),
        }
    }

    pub(super) fn next_answer(&self) -> Option<Answer<Res, E>> {
        self.script().answers.pop_front()
    }

    pub(super) fn gate(&self) -> Arc<Semaphore> {
        Arc::clone(&self.gate)
    }

    pub(super) fn instance(&self) -> Instance {
        Instance::new(self.counts.clone())
    }

    pub(super) fn hold(&self) -> Holding {
        self.counts.lock().holding += 1;
        Holding { counts: self.counts.clone(), spent: false }
    }

    /// Turns readiness into a call.
    pub(super) fn spend(&self, mut holding: Holding) -> Flight {
        holding.spent = true;
        let mut counts = self.counts.lock();
        counts.calls += 1;
        counts.in_flight += 1;
        counts.peak_in_flight = counts.peak_in_flight.max(counts.in_flight);
        drop(counts);
        Flight { counts: self.counts.clone(), completed: false }
    }

    fn script(&self) -> MutexGuard<'_, Script<Res, E>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Res, E> Clone for Hostile<Res, E> {
    fn clone(&self) -> Self {
        Self { script: Arc::clone(&self.script), counts: self.counts.clone(), gate: Arc::clone(&self.gate) }
    }
}

impl<Res, E> fmt::Debug for Hostile<Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hostile").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default)]
struct SharedCounts(Arc<Mutex<Counts>>);

impl SharedCounts {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an instance for as long as it lives.
#[derive(Debug)]
pub(super) struct Instance(SharedCounts);

impl Instance {
    fn new(counts: SharedCounts) -> Self {
        counts.lock().instances += 1;
        Self(counts)
    }
}

impl Clone for Instance {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.0.lock().instances -= 1;
    }
}

/// Readiness held by an instance.
#[derive(Debug)]
pub(super) struct Holding {
    counts: SharedCounts,
    spent: bool,
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.holding -= 1;
        counts.released += u64::from(!self.spent);
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Flight {
    counts: SharedCounts,
    completed: bool,
}

impl Flight {
    pub(super) fn completed(mut self) {
        self.completed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.in_flight -= 1;
        if self.completed {
            counts.completed += 1;
        } else {
            counts.dropped += 1;
        }
    }
}
