use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;

use super::desk::{self, Desk};
use super::job::{self, Job, Outcome};
use super::{watcher, worker};

/// Threads of our own, a bounded number, and the bounded queue that they drain.
///
/// There is no thread until the first job, and few of them until jobs are blocked in the kernel; [`watcher`] sees to
/// that. They end when this is dropped and everything queued is done.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    name: &'static str,
    /// The most threads.
    pub(super) bound: usize,
    /// As many as are started before anybody looks whether they are blocked.
    pub(super) ready: usize,
    /// The most jobs that a thread takes in one visit to the queue.
    pub(super) burst: usize,
    pub(super) cores: usize,
    /// The most jobs in the queue.
    places: usize,
    state: Mutex<State>,
    pub(super) work: Condvar,
    pub(super) watch: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Arc<dyn Job>>,
    /// Places in the queue promised to somebody.
    reserved: usize,
    /// Threads that run or are being started.
    pub(super) threads: usize,
    pub(super) sleeping: usize,
    /// Whether a sleeping thread has been called, or a new one started, and is not awake yet. It calls the next one if
    /// there is need, so one call under way is enough.
    pub(super) waking: bool,
    pub(super) desks: Vec<Arc<Desk>>,
    pub(super) watched: Watched,
    pub(super) closed: bool,
}

/// The watcher.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Watched {
    /// There is none yet.
    #[default]
    Never,
    /// It sleeps.
    Asleep,
    /// It looks after the pool.
    Awake,
}

/// What is to be done when the lock is given back.
#[derive(Clone, Copy)]
#[must_use]
pub(super) enum Help {
    Enough,
    Call,
    Hire,
}

impl Pool {
    /// Threads for work that is mostly done by the processor.
    pub(super) fn new(name: &'static str, bound: NonZeroUsize, places: NonZeroUsize) -> Self {
        let cores = thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self::with(name, bound, places, cores.max(2), desk::BURST)
    }

    /// Threads for work that mostly waits: each does one thing at a time, and there may be all of them at once.
    pub(super) fn for_waiting(name: &'static str, bound: NonZeroUsize, places: NonZeroUsize) -> Self {
        Self::with(name, bound, places, bound.get(), 1)
    }

    fn with(
        name: &'static str,
        bound: NonZeroUsize,
        places: NonZeroUsize,
        ready: usize,
        burst: usize,
    ) -> Self {
        let cores = thread::available_parallelism().map_or(2, NonZeroUsize::get);
        let shared = Shared {
            name,
            bound: bound.get(),
            ready: bound.get().min(ready),
            burst,
            cores,
            places: places.get(),
            state: Mutex::default(),
            work: Condvar::new(),
            watch: Condvar::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Queues `work`; `None` if there is no place.
    pub(super) fn submit<T, W>(&self, work: W) -> Option<Arc<dyn Outcome<T>>>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let mut state = self.shared.lock();
        if state.is_full(self.shared.places) {
            return None;
        }
        let (job, outcome) = job::new(work);
        state.queue.push_back(job);
        let help = state.help(&self.shared);
        drop(state);
        self.shared.act(help);
        Some(outcome)
    }

    /// Promises a place in the queue; `None` if there is none.
    pub(super) fn reserve(&self) -> Option<Place> {
        let mut state = self.shared.lock();
        if state.is_full(self.shared.places) {
            return None;
        }
        state.reserved += 1;
        Some(Place { shared: Arc::clone(&self.shared) })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        self.shared.watch.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Pool")
            .field("name", &self.shared.name)
            .field("threads", &state.threads)
            .field("queued", &state.queue.len())
            .finish_non_exhaustive()
    }
}

/// A promised place in the queue, given back when dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
}

impl Place {
    pub(super) fn submit<T, W>(self, work: W) -> Arc<dyn Outcome<T>>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (job, outcome) = job::new(work);
        let mut state = self.shared.lock();
        state.queue.push_back(job);
        let help = state.help(&self.shared);
        drop(state);
        self.shared.act(help);
        outcome
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.lock().reserved -= 1;
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("pool", &self.shared.name).finish_non_exhaustive()
    }
}

impl State {
    fn is_full(&self, places: usize) -> bool {
        self.queue.len() + self.reserved >= places
    }

    /// Whom what is in the queue needs.
    pub(super) fn help(&mut self, shared: &Shared) -> Help {
        if self.queue.is_empty() || self.waking {
            return Help::Enough;
        }
        if self.sleeping > 0 {
            self.waking = true;
            return Help::Call;
        }
        if self.threads < shared.ready {
            self.waking = true;
            self.threads += 1;
            return Help::Hire;
        }
        Help::Enough
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn act(self: &Arc<Self>, help: Help) {
        match help {
            Help::Enough => {}
            Help::Call => self.work.notify_one(),
            Help::Hire => self.hire(),
        }
    }

    /// Starts a thread that is counted already.
    pub(super) fn hire(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name(self.name.to_owned());
        if thread.spawn(move || worker::run(&shared)).is_err() {
            self.dismiss();
        }
    }

    /// A thread could not be started. Those that there are do its work; without any, nobody ever would.
    fn dismiss(&self) {
        let mut state = self.lock();
        state.threads -= 1;
        state.waking = false;
        if state.threads > 0 {
            return;
        }
        let stranded = std::mem::take(&mut state.queue);
        drop(state);
        stranded.iter().filter_map(|job| job.lose()).for_each(Waker::wake);
    }

    /// Has the watcher look after the pool.
    pub(super) fn have_watched(self: &Arc<Self>, state: &mut State) {
        match std::mem::replace(&mut state.watched, Watched::Awake) {
            Watched::Awake => {}
            Watched::Asleep => self.watch.notify_one(),
            Watched::Never => {
                let shared = Arc::clone(self);
                let thread = thread::Builder::new().name(format!("{}-watch", self.name));
                if thread.spawn(move || watcher::run(&shared)).is_err() {
                    state.watched = Watched::Never;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
