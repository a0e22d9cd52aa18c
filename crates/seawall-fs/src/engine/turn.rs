//! How long the work done inside of a runtime's worker may keep the other tasks of that worker waiting.

use std::cell::Cell;
use std::time::Duration;

use super::clock;

/// After so much work a task lets the others have a turn. By time and not by number, because one read may take a
/// hundred times as long as another; and short, because each of some dozens of tasks may have its turn before a timer
/// is looked at.
const TURN: Duration = Duration::from_micros(20);

thread_local! {
    static USED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Whether the turn is over; if so, the next one begins after a yield.
pub(crate) fn is_over() -> bool {
    let over = USED.get() >= TURN;
    if over {
        USED.set(Duration::ZERO);
    }
    over
}

/// Does something, and counts the time that it took.
pub(crate) fn count<T>(work: impl FnOnce() -> T) -> T {
    let began = clock::now();
    let output = work();
    USED.set(USED.get() + clock::now().saturating_duration_since(began));
    output
}
