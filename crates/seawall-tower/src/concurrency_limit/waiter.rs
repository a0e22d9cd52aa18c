use std::task::Waker;
use std::time::Instant;

use seawall_core::Fate;

use super::platform::{Lock, Platform};

/// Somebody who asked a gate: where the answer is put, and who is woken for it.
pub(super) struct Waiter<P: Platform>(P::Lock<Answer>);

#[derive(Default)]
struct Answer {
    verdict: Option<Verdict>,
    waker: Option<Waker>,
}

/// What a gate answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A place is held for it.
    Entered {
        /// How many calls are under way, this one included.
        in_flight: u32,
        /// Not to be used before.
        opens: Option<Instant>,
    },
    /// There will be none.
    Refused(Fate),
}

impl<P: Platform> Waiter<P> {
    pub(super) fn new() -> Self {
        Self(P::Lock::new(Answer::default()))
    }

    /// Gives the answer, and says who is to be woken.
    pub(super) fn decide(&self, verdict: Verdict) -> Option<Waker> {
        self.0.with(|answer| {
            answer.verdict = Some(verdict);
            answer.waker.take()
        })
    }

    /// Takes the answer, or sees to it that `waker` is woken when it comes.
    pub(super) fn poll(&self, waker: &Waker) -> Option<Verdict> {
        let waker = waker.clone();
        // The older waker is dropped after the lock is: its drop is somebody else's code.
        let (verdict, _older) = self.0.with(|answer| match answer.verdict.take() {
            Some(verdict) => (Some(verdict), answer.waker.take()),
            None => (None, answer.waker.replace(waker)),
        });
        verdict
    }

    /// Takes the answer, if it is there.
    pub(super) fn take(&self) -> Option<Verdict> {
        self.0.with(|answer| answer.verdict.take())
    }
}
