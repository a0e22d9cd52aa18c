//! How long the work done inside of a runtime's worker may keep the other tasks of that worker waiting.

use std::cell::Cell;
use std::time::Duration;

use super::clock;

// After so much work a task lets the others have a turn: by time and not by number, because one read may take a hundred
// times as long as another. Dozens of tasks may have their turns before a timer is looked at, so that turns must be
// short among many; alone, a task would pay much for letting nobody go first.
const SHORTEST: Duration = Duration::from_micros(10);
const LONGEST: Duration = Duration::from_micros(200);

/// Others had something to do if they took longer than this.
const ROUND: Duration = Duration::from_micros(50);

thread_local! {
    static USED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static LENGTH: Cell<Duration> = const { Cell::new(SHORTEST) };
}

/// Whether the turn is over; then let the others have theirs.
pub(crate) fn is_over() -> bool {
    USED.get() >= LENGTH.get()
}

/// Does something, and counts the time that it took.
pub(crate) fn count<T>(work: impl FnOnce() -> T) -> T {
    timed(work).0
}

/// The same, and answers that time too.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = clock::now();
    let output = work();
    let took = clock::now().saturating_duration_since(began);
    USED.set(USED.get() + took);
    (output, took)
}

/// Ends the turn. The next ones on this thread are the shorter, the longer that took.
pub(crate) async fn let_others() {
    USED.set(Duration::ZERO);
    let began = clock::now();
    tokio::task::yield_now().await;
    let round = clock::now().saturating_duration_since(began);
    let length = LENGTH.get();
    LENGTH.set(if round > ROUND { (length / 2).max(SHORTEST) } else { (length * 2).min(LONGEST) });
}
