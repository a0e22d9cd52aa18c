use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::desk::Desk;
use super::pool::{Shared, State};

/// How long a thread beyond those always at hand waits for work.
const IDLE: Duration = Duration::from_secs(10);

/// What a thread of a pool does until it is not needed any more.
pub(super) fn run(shared: &Arc<Shared>) {
    let desk = Arc::new(Desk::default());
    let mut state = shared.lock();
    state.waking = false;
    state.desks.push(Arc::clone(&desk));
    loop {
        if state.queue.is_empty() {
            match wait(shared, state) {
                Some(woken) => state = woken,
                None => break,
            }
            continue;
        }
        // Those that sleep or are not there yet will want their share.
        let threads = state.threads.max(shared.ready);
        desk.fill(&mut state.queue, threads, shared.burst);
        // Whoever waits for something that lies behind a job that blocks needs the watcher.
        if !state.queue.is_empty() || !desk.has_one() {
            shared.have_watched(&mut state);
        }
        let help = state.help(shared);
        drop(state);
        shared.act(help);
        let left = desk.work_off();
        state = shared.lock();
        left.into_iter().rev().for_each(|job| state.queue.push_front(job));
    }
    let mut state = shared.lock();
    state.desks.retain(|other| !Arc::ptr_eq(other, &desk));
    state.threads -= 1;
}

/// Sleeps until there may be work; `None` when the thread is to end.
fn wait<'a>(shared: &'a Shared, mut state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
    if state.closed {
        return None;
    }
    state.sleeping += 1;
    let spare = state.threads > shared.ready;
    let (mut state, timed_out) = if spare {
        let (state, waited) = shared.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
        (state, waited.timed_out())
    } else {
        (shared.work.wait(state).unwrap_or_else(PoisonError::into_inner), false)
    };
    state.sleeping -= 1;
    state.waking = false;
    let leave = timed_out && state.queue.is_empty() && state.threads > shared.ready;
    (!leave).then_some(state)
}
