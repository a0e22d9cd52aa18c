use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Instant;

use seawall_core::{Error, FailureKind};
use tokio::time::timeout_at;

use super::job::{Ending, Outcome};
use super::pool::Place;
use super::still::StandStill;
use crate::fault::{Fault, Label};

/// The right to run one piece of work: a place in the queue.
#[derive(Debug)]
pub(crate) struct Slot(pub(super) Place);

impl Slot {
    /// Queues `work`; it runs to its end whether anybody waits for it or not.
    pub(crate) fn start<T, W>(self, work: W) -> Running<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        Running(self.0.submit(work))
    }
}

/// Work queued or under way. Dropping it does not stop the work.
pub(crate) struct Running<T>(pub(super) Arc<dyn Outcome<T>>);

impl<T> Running<T> {
    /// Waits for the end of the work. Cancel safe, and may be called again after its time ran out, but not
    /// after it returned anything else.
    pub(crate) async fn finish(&mut self, label: &Label, deadline: Option<Instant>) -> Result<T, Error> {
        match until(deadline, self.ending()).await {
            Some(ending) => ending.into_output(label),
            None => Err(label.error(FailureKind::Timeout, "not done before the deadline")),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over()
    }

    pub(super) fn ending(&self) -> impl Future<Output = Ending<T>> + use<'_, T> {
        poll_fn(|cx| self.0.poll(cx))
    }
}

impl<T> fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("is_over", &self.is_over()).finish()
    }
}

impl<T> Ending<T> {
    /// What the work returned; a panic of it goes on here.
    pub(super) fn into_output(self, label: &Label) -> Result<T, Error> {
        match self {
            Self::Done(Ok(output)) => Ok(output),
            Self::Done(Err(panic)) => std::panic::resume_unwind(panic),
            Self::Lost => Err(Fault::no_thread().label(label)),
        }
    }
}

pub(super) async fn until<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    let _still = StandStill::if_paused();
    match deadline {
        Some(deadline) => timeout_at(deadline.into(), future).await.ok(),
        None => Some(future.await),
    }
}
