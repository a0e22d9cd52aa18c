//! What one thread of a pool has taken out of the queue, where the watcher can reach it if the thread is stuck.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::clock;
use super::job::Job;

/// The most jobs taken in one visit to the queue.
pub(super) const BURST: usize = 64;

/// Jobs that take longer are taken one at a time, so that none waits behind another while threads sleep.
const SLOW: Duration = Duration::from_micros(50);

/// The longest that somebody whose job is done waits for being told, while further jobs are done.
const PATIENCE: Duration = Duration::from_micros(100);

#[derive(Default)]
pub(super) struct Desk {
    pile: Mutex<Pile>,
    /// Odd while a job runs.
    steps: AtomicU64,
    /// Whether the last job was a quick one.
    quick: AtomicBool,
}

#[derive(Default)]
struct Pile {
    jobs: VecDeque<Arc<dyn Job>>,
    wakers: Vec<Waker>,
}

impl Desk {
    /// Takes its share of the queue.
    pub(super) fn fill(&self, queue: &mut VecDeque<Arc<dyn Job>>, threads: usize, burst: usize) {
        let quick = self.quick.load(Ordering::Relaxed);
        let share = if quick { queue.len().div_ceil(threads.max(1)).min(burst) } else { 1 };
        self.pile().jobs.extend(queue.drain(..share));
    }

    /// Does what it has taken and tells those who wait; stops at a job that was slow. Returns what it did not do.
    pub(super) fn work_off(&self) -> VecDeque<Arc<dyn Job>> {
        let began = clock::now();
        let mut before = began;
        loop {
            let Some(job) = self.pile().jobs.pop_front() else { break };
            self.steps.fetch_add(1, Ordering::Relaxed);
            let waker = job.run();
            drop(job);
            self.steps.fetch_add(1, Ordering::Relaxed);
            let now = clock::now();
            let slow = now.saturating_duration_since(before) > SLOW;
            self.quick.store(!slow, Ordering::Relaxed);
            before = now;
            self.pile().wakers.extend(waker);
            if slow {
                break;
            }
            if now.saturating_duration_since(began) > PATIENCE {
                self.tell();
            }
        }
        self.tell();
        std::mem::take(&mut self.pile().jobs)
    }

    /// Wakes those whose jobs are done.
    fn tell(&self) {
        let wakers = std::mem::take(&mut self.pile().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes over what lies here while its thread is stuck in a job: what it has not begun, and who is to be woken.
    pub(super) fn rescue(&self) -> (VecDeque<Arc<dyn Job>>, Vec<Waker>) {
        let Pile { jobs, wakers } = std::mem::take(&mut *self.pile());
        (jobs, wakers)
    }

    /// How often a job was begun or ended.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Whether a single job was taken.
    pub(super) fn has_one(&self) -> bool {
        self.pile().jobs.len() == 1
    }

    pub(super) fn is_clear(&self) -> bool {
        let pile = self.pile();
        pile.jobs.is_empty() && pile.wakers.is_empty()
    }

    fn pile(&self) -> MutexGuard<'_, Pile> {
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a count of [`Desk::steps`] is that of a thread in a job.
pub(super) const fn is_busy(steps: u64) -> bool {
    steps % 2 == 1
}
