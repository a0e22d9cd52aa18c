//! Sees to it that nothing waits behind a job that is blocked in the kernel.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::clock;
use super::desk::{Desk, is_busy};
use super::pool::{Shared, State, Watched};
use crate::sys;

/// How often it looks while there is work.
const TICK: Duration = Duration::from_millis(1);

/// With the processors busier than this, further threads would only take turns.
const SATURATED: f64 = 0.8;

pub(super) fn run(shared: &Arc<Shared>) {
    let mut round = Round::new();
    let mut state = shared.lock();
    loop {
        if state.watched == Watched::Asleep {
            if state.closed {
                return;
            }
            state = shared.watch.wait(state).unwrap_or_else(PoisonError::into_inner);
            round = Round::new();
            continue;
        }
        let (next, _) = shared.watch.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
        state = round.look(shared, next);
    }
}

/// What was seen at the last look.
struct Round {
    steps: Vec<(Arc<Desk>, u64)>,
    at: Instant,
    processor: Option<Duration>,
}

impl Round {
    fn new() -> Self {
        Self { steps: Vec::new(), at: clock::now(), processor: sys::processor_time() }
    }

    /// Frees what is stuck and starts the threads that are missing.
    fn look<'a>(
        &mut self,
        shared: &'a Arc<Shared>,
        mut state: MutexGuard<'a, State>,
    ) -> MutexGuard<'a, State> {
        let stuck: Vec<_> =
            self.steps.drain(..).filter(|(desk, then)| is_busy(*then) && desk.steps() == *then).collect();
        let mut waiting = Vec::new();
        for (desk, _) in &stuck {
            let (jobs, wakers) = desk.rescue();
            jobs.into_iter().rev().for_each(|job| state.queue.push_front(job));
            waiting.extend(wakers);
        }
        self.steps = state.desks.iter().map(|desk| (Arc::clone(desk), desk.steps())).collect();
        if state.queue.is_empty() && state.desks.iter().all(|desk| desk.is_clear()) {
            state.watched = Watched::Asleep;
            // Never under the lock: what is woken may be dropped, and what it held may want the lock.
            if waiting.is_empty() {
                return state;
            }
        }
        let missing = self.missing(shared, &state, stuck.len());
        state.threads += missing;
        let help = state.help(shared);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        (0..missing).for_each(|_| shared.hire());
        shared.act(help);
        shared.lock()
    }

    /// How many threads more would help.
    fn missing(&mut self, shared: &Shared, state: &State, stuck: usize) -> usize {
        let busy = self.processors_busy(shared.cores);
        if state.queue.is_empty() || state.sleeping > 0 {
            return 0;
        }
        let able = state.threads.saturating_sub(stuck);
        let wanted = if busy < SATURATED { able / 4 + 1 } else { shared.ready.saturating_sub(able) };
        wanted.min(state.queue.len()).min(shared.bound - state.threads)
    }

    /// What part of the processors' time this process used since the last look.
    fn processors_busy(&mut self, cores: usize) -> f64 {
        let (now, processor) = (clock::now(), sys::processor_time());
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        let used =
            processor.zip(self.processor).map_or(0.0, |(now, then)| now.saturating_sub(then).as_secs_f64());
        (self.at, self.processor) = (now, processor);
        used / (elapsed * cores as f64).max(f64::EPSILON)
    }
}
