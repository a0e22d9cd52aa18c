use std::time::Duration;

use seawall_core::{FailureKind, Priority};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::network::Place;

/// An attempt at a server.
#[derive(Debug)]
pub(in crate::world) struct Job {
    /// Of the call.
    pub(in crate::world) id: u64,
    /// Which of the call's attempts it is, from 0.
    pub(in crate::world) attempt: u64,
    pub(in crate::world) priority: Priority,
    /// How much there is to do.
    pub(in crate::world) work: Duration,
    pub(in crate::world) reply: oneshot::Sender<Result<(), FailureKind>>,
}

/// An attempt in the hands of a worker.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) job: Job,
    /// When it began.
    pub(super) since: Duration,
    /// What it comes to.
    pub(super) answer: Result<(), FailureKind>,
}

/// An attempt whose worker waits for calls of its own.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) job: Job,
    /// How long the worker worked on it.
    pub(super) worked: Duration,
    /// What makes the calls, once it does.
    pub(super) calls: Option<JoinHandle<()>>,
}

/// Calls of its own that a server has to make for an attempt.
#[derive(Debug)]
pub(in crate::world) struct Errand {
    /// Which server.
    pub(in crate::world) place: Place,
    /// Which attempt there.
    pub(in crate::world) serial: u64,
    pub(in crate::world) priority: Priority,
    /// One after another.
    pub(in crate::world) calls: Vec<InnerCall>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(in crate::world) struct InnerCall {
    /// Which of those that the tier makes.
    pub(in crate::world) position: usize,
    pub(in crate::world) id: u64,
}

impl Job {
    /// Whether the caller has left.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers, and says whether there was still somebody to listen.
    pub(super) fn answer(self, answer: Result<(), FailureKind>) -> bool {
        self.reply.send(answer).is_ok()
    }
}

impl Calling {
    /// Stops its calls.
    pub(super) fn stop(self) -> Job {
        if let Some(calls) = self.calls {
            calls.abort();
        }
        self.job
    }
}
