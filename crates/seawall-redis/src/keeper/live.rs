use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, Weak};

use tokio::time::Instant;

use super::{Reason, Shared, State};
use crate::multiplexed::Multiplexed;

/// A connection as it is used. Whoever holds one is a call under way.
pub(crate) struct Live {
    pub(super) opened: Multiplexed,
    pub(super) trouble: Trouble,
}

/// What is said against a connection.
#[derive(Clone)]
pub(super) struct Trouble(Arc<Against>);

struct Against {
    /// Tells it from those before and after.
    number: u64,
    timeouts: AtomicU32,
    /// Whether it broke, perhaps before it was in use.
    broken: AtomicBool,
    /// Weak, because a keeper that is gone has nothing to replace.
    keeper: Weak<Shared>,
}

impl Live {
    pub(super) fn number(&self) -> u64 {
        self.trouble.number()
    }

    /// Says that it is of no more use.
    pub(crate) fn replace(&self, reason: Reason) {
        self.trouble.replace(reason);
    }

    /// Takes note of an answer, whatever it says.
    pub(crate) fn answered(&self) {
        let timeouts = &self.trouble.0.timeouts;
        // Read first: what is never written is shared without a fight.
        if timeouts.load(Relaxed) != 0 {
            timeouts.store(0, Relaxed);
        }
    }
}

impl Trouble {
    pub(super) fn new(number: u64, keeper: &Arc<Shared>) -> Self {
        Self(Arc::new(Against {
            number,
            timeouts: AtomicU32::new(0),
            broken: AtomicBool::new(false),
            keeper: Arc::downgrade(keeper),
        }))
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.broken.load(Relaxed)
    }

    fn timed_out(&self) {
        let Some(keeper) = self.0.keeper.upgrade() else { return };
        let in_a_row = self.0.timeouts.fetch_add(1, Relaxed) + 1;
        if in_a_row == keeper.rules.timeouts_to_replace {
            self.replace(Reason::TimedOut);
        }
    }

    /// Has the connection replaced, unless it was already.
    pub(super) fn replace(&self, reason: Reason) {
        let Some(keeper) = self.0.keeper.upgrade() else { return };
        if reason == Reason::Dropped {
            self.0.broken.store(true, Relaxed);
        }
        let number = self.0.number;
        {
            let mut state = keeper.state_mut();
            let State::Up(live) = &*state else { return };
            if live.trouble.number() != number {
                return;
            }
            if !reason.leaves_it_usable() {
                let error = keeper.lost(reason);
                *state = State::Down { since: Instant::now(), error };
                keeper.stock.clear();
            }
        }
        *keeper.order.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, reason));
        keeper.ordered.notify_one();
    }
}

/// Watches one call, and counts it as under way: one that is dropped after its time was over counts as a time-out of the
/// connection.
pub(crate) struct Watch<'a> {
    live: &'a Live,
    until: Option<std::time::Instant>,
    done: bool,
}

impl<'a> Watch<'a> {
    /// Of a call that may take until then.
    pub(crate) fn new(live: &'a Live, until: Option<std::time::Instant>) -> Self {
        live.opened.crowd.enter();
        Self { live, until, done: false }
    }

    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.live.opened.crowd.leave();
        if !self.done && self.until.is_some_and(|until| until <= Instant::now().into_std()) {
            self.live.trouble.timed_out();
        }
    }
}
