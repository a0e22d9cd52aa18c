use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use seawall_core::{Error, FailureKind, Name};
use tokio::time::Sleep;

/// How long a body may take: from one part to the next, and as a whole.
///
/// Only waiting for the other side counts: a reader that takes its time does not make a body late.
#[derive(Default)]
pub(super) struct TimeLimit {
    idle: Option<Duration>,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer runs for the part that is waited for now.
    waiting: bool,
}

/// Which limit was passed.
#[derive(Clone, Copy)]
pub(super) enum Late {
    Idle(Duration),
    Deadline,
}

impl TimeLimit {
    pub(super) const fn none() -> Self {
        Self::new(None, None)
    }

    pub(super) const fn new(idle: Option<Duration>, deadline: Option<Instant>) -> Self {
        Self { idle, deadline, timer: None, waiting: false }
    }

    /// Ends it at `deadline`, if that is earlier. To be called before the body is read.
    pub(super) fn bring_forward(&mut self, deadline: Option<Instant>) {
        self.deadline = self.deadline.into_iter().chain(deadline).min();
    }

    /// Whether the deadline has passed, waiting or not.
    pub(super) fn passed(&self) -> Option<Late> {
        let deadline = self.deadline?;
        (now() >= deadline).then_some(Late::Deadline)
    }

    /// A part arrived: the wait for the next begins when it is asked for.
    pub(super) fn arrived(&mut self) {
        self.waiting = false;
    }

    /// Nothing has arrived: ready when the wait has been too long.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        if !self.waiting {
            // An idle time beyond what the clock can hold is no limit.
            let idle = self.idle.and_then(|idle| now().checked_add(idle));
            let Some(until) = idle.into_iter().chain(self.deadline).min() else { return Poll::Pending };
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until.into()),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(until.into()))),
            }
            self.waiting = true;
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(match (self.passed(), self.idle) {
            (None, Some(idle)) => Late::Idle(idle),
            _ => Late::Deadline,
        })
    }
}

impl Late {
    pub(super) fn error(self, name: Name) -> Error {
        let message = match self {
            Self::Idle(idle) => Cow::Owned(format!("no part of the response body arrived for {idle:?}")),
            Self::Deadline => Cow::Borrowed("the deadline passed while the response body was read"),
        };
        Error::new(FailureKind::Timeout, "http", name).with_message(message)
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
