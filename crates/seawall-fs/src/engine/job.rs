//! Work on its way through a pool: queued, running, over. One allocation holds it, its result and who waits.

use std::fmt;
use std::mem::replace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

/// What a pool's threads see of it.
pub(super) trait Job: Send + Sync {
    /// Does it, unless it was withdrawn. Returns whom to wake.
    fn run(&self) -> Option<Waker>;

    /// Says that nobody will ever do it. Returns whom to wake.
    fn lose(&self) -> Option<Waker>;
}

/// What the one who waits sees of it.
pub(super) trait Outcome<T>: Send + Sync {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Ending<T>>;
    fn is_over(&self) -> bool;
    /// Takes it out of the queue; `false` if it has begun already.
    fn withdraw(&self) -> bool;
}

/// How a job ended.
pub(super) enum Ending<T> {
    /// With this, or with a panic.
    Done(thread::Result<T>),
    /// There was no thread for it.
    Lost,
}

pub(super) fn new<T, W>(work: W) -> (Arc<dyn Job>, Arc<dyn Outcome<T>>)
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let errand = Arc::new(Errand { stage: Mutex::new(Stage::Queued { work, waiting: None }) });
    (Arc::clone(&errand) as Arc<dyn Job>, errand)
}

struct Errand<T, W> {
    stage: Mutex<Stage<T, W>>,
}

enum Stage<T, W> {
    Queued {
        work: W,
        waiting: Option<Waker>,
    },
    /// Kept until a thread comes by it, because dropping it may close files.
    Withdrawn {
        _work: W,
    },
    Running {
        waiting: Option<Waker>,
    },
    Over(Ending<T>),
    Taken,
}

impl<T, W> Errand<T, W> {
    fn stage(&self) -> MutexGuard<'_, Stage<T, W>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, ending: Ending<T>) -> Option<Waker> {
        match replace(&mut *self.stage(), Stage::Over(ending)) {
            Stage::Queued { waiting, .. } | Stage::Running { waiting } => waiting,
            Stage::Withdrawn { .. } | Stage::Over(_) | Stage::Taken => None,
        }
    }
}

impl<T, W> Job for Errand<T, W>
where
    T: Send,
    W: FnOnce() -> T + Send,
{
    fn run(&self) -> Option<Waker> {
        let mut stage = self.stage();
        let work = match replace(&mut *stage, Stage::Taken) {
            Stage::Queued { work, waiting } => {
                *stage = Stage::Running { waiting };
                work
            }
            _withdrawn => return None,
        };
        drop(stage);
        // What the work held is unreachable after a panic, which goes on in the one who waits.
        self.end(Ending::Done(catch_unwind(AssertUnwindSafe(work))))
    }

    fn lose(&self) -> Option<Waker> {
        self.end(Ending::Lost)
    }
}

impl<T, W> Outcome<T> for Errand<T, W>
where
    T: Send,
    W: Send,
{
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Ending<T>> {
        let mut stage = self.stage();
        match &mut *stage {
            Stage::Queued { waiting, .. } | Stage::Running { waiting } => {
                match waiting {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waiting = Some(cx.waker().clone()),
                }
                return Poll::Pending;
            }
            Stage::Withdrawn { .. } | Stage::Taken => return Poll::Pending,
            Stage::Over(_) => {}
        }
        match replace(&mut *stage, Stage::Taken) {
            Stage::Over(ending) => Poll::Ready(ending),
            _ => Poll::Pending,
        }
    }

    fn is_over(&self) -> bool {
        matches!(*self.stage(), Stage::Over(_))
    }

    fn withdraw(&self) -> bool {
        let mut stage = self.stage();
        match replace(&mut *stage, Stage::Taken) {
            Stage::Queued { work, .. } => {
                *stage = Stage::Withdrawn { _work: work };
                true
            }
            other => {
                *stage = other;
                false
            }
        }
    }
}

impl<T> fmt::Debug for dyn Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").field("is_over", &self.is_over()).finish_non_exhaustive()
    }
}
