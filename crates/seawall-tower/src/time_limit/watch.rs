//! One timer for a call and its attempt.
//!
//! An attempt ends no later than the call that it is made for: its limit is cut to the call's. So while an attempt is
//! waited for, its timer will wake the call in time too, and the call needs none of its own. Whoever limits an attempt says
//! here that its timer runs; whoever limits the call around it looks, in the same poll, whether that is so.

use std::cell::Cell;

use super::Id;

thread_local! {
    // The limit whose timer was last seen to run.
    static RUNNING: Cell<Option<Id>> = const { Cell::new(None) };
}

/// Says that the timer of this limit runs, and wakes the task that is being polled.
pub(super) fn watch(limit: Id) {
    RUNNING.set(Some(limit));
}

/// Whether the timer of this limit was said to run since [`unwatch`].
pub(super) fn is_watched(limit: Id) -> bool {
    RUNNING.get() == Some(limit)
}

/// Forgets what was said: before a poll, and where an attempt is over and something else is waited for in the same poll.
pub(crate) fn unwatch() {
    RUNNING.set(None);
}
