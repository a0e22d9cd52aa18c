use std::task::{Context, Poll, ready};

use super::patience::Refused;
use super::{ConcurrencyLimitHandle, Waiting};

/// The next call's way to its permit. Dropped, it gives back what it has.
#[derive(Debug)]
pub(super) struct Seat {
    limit: ConcurrencyLimitHandle,
    turn: Turn,
}

/// How far the next call has got.
#[derive(Debug)]
enum Turn {
    /// Nobody has asked.
    None,
    /// It waits. In a box only here, where a call has to wait anyway.
    Waiting(Box<Waiting>),
    /// It has its permit, whether or not the inner service is ready.
    Permitted { in_flight: u32 },
    /// It was refused. The inner service is not polled.
    Refused(Refused),
}

impl Seat {
    pub(super) const fn new(limit: ConcurrencyLimitHandle) -> Self {
        Self { limit, turn: Turn::None }
    }

    pub(super) const fn limit(&self) -> &ConcurrencyLimitHandle {
        &self.limit
    }

    /// Comes as far as a permit or a refusal, and says whether it is a permit.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self.turn {
            Turn::Permitted { .. } => return Poll::Ready(true),
            Turn::Refused(_) => return Poll::Ready(false),
            Turn::Waiting(_) => {}
            Turn::None => {
                if let Some(in_flight) = self.limit.try_enter() {
                    self.turn = Turn::Permitted { in_flight };
                    return Poll::Ready(true);
                }
            }
        }
        self.poll_waiting(cx)
    }

    /// The place for the call, of which `poll` has said that there is one, or why there is none.
    ///
    /// # Panics
    ///
    /// When it was not ready.
    #[inline]
    pub(super) fn take(&mut self) -> Result<u32, Refused> {
        match self.turn {
            Turn::Permitted { in_flight } => {
                self.turn = Turn::None;
                Ok(in_flight)
            }
            Turn::Refused(refused) => {
                self.turn = Turn::None;
                Err(refused)
            }
            Turn::None | Turn::Waiting(_) => {
                panic!("called without a permit: `poll_ready` must return `Ready` before each `call`")
            }
        }
    }

    /// Gives the permit back, if it has one: no call will be made.
    pub(super) fn give_back(&mut self) {
        if let Turn::Permitted { in_flight } = self.turn {
            self.turn = Turn::None;
            self.limit.give_back(in_flight);
        }
    }

    #[cold]
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Turn::None = self.turn {
            self.turn = Turn::Waiting(Box::new(self.limit.wait()));
        }
        if let Turn::Waiting(waiting) = &mut self.turn {
            self.turn = match ready!(waiting.poll(cx)) {
                Ok(permit) => Turn::Permitted { in_flight: permit.keep() },
                Err(refused) => Turn::Refused(refused),
            };
        }
        Poll::Ready(matches!(self.turn, Turn::Permitted { .. }))
    }
}

impl Clone for Seat {
    /// A clone has no permit and waits for none.
    fn clone(&self) -> Self {
        Self::new(self.limit.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_back();
    }
}
