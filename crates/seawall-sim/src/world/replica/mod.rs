//! One server: workers, a queue in front of them, and what can go wrong with both.

mod agenda;
mod cache;
mod job;
mod queue;
mod swallowed;
mod totals;
mod work_clock;

use std::collections::BTreeMap;
use std::time::Duration;

use seawall_core::FailureKind;

use super::condition::{Condition, Mishap, MishapKind};
use super::network::Place;
use crate::chance::{Purpose, Seed};
use crate::scenario::Tier;
use agenda::Agenda;
use cache::Cache;
use job::{Calling, InnerCall, Running};
pub(super) use job::{Errand, Job};
use queue::Queue;
use swallowed::Swallowed;
pub(super) use totals::Totals;
use work_clock::{WorkClock, nanos};

/// One server.
#[derive(Debug)]
pub(super) struct Replica {
    place: Place,
    seed: Seed,
    workers: u32,
    drops_abandoned: bool,
    /// How many calls of its own it makes for each attempt.
    calls: usize,
    cache: Cache,
    condition: Condition,
    /// How many workers may begin with an attempt, as things are.
    capacity: usize,
    /// As of when all of this is.
    now: Duration,
    /// Before then nothing happens by itself.
    due: Duration,
    clock: WorkClock,
    queue: Queue,
    running: Agenda<Running>,
    calling: BTreeMap<u64, Calling>,
    /// What fails without a worker.
    failing: Agenda<(Job, FailureKind)>,
    swallowed: Swallowed,
    /// What came while everything stood still: attempts, and the end of calls of its own.
    unseen: Vec<Job>,
    came_back: Vec<(u64, Result<(), FailureKind>)>,
    serial: u64,
    counted: Totals,
    /// Until when the time of busy workers is counted.
    busy_until: Duration,
}

impl Replica {
    pub(super) fn new(tier: &Tier, place: Place, seed: Seed) -> Self {
        let workers = tier.workers.get();
        Self {
            place,
            seed,
            workers,
            drops_abandoned: tier.drops_abandoned,
            calls: tier.calls.len(),
            cache: Cache::new(tier.cache_hit_ratio, tier.cache_size),
            condition: Condition::default(),
            capacity: workers as usize,
            now: Duration::ZERO,
            due: Duration::MAX,
            clock: WorkClock::new(),
            queue: Queue::new(&tier.queue),
            running: Agenda::new(),
            calling: BTreeMap::new(),
            failing: Agenda::new(),
            swallowed: Swallowed::default(),
            unseen: Vec::new(),
            came_back: Vec::new(),
            serial: 0,
            counted: Totals { workers, ..Totals::default() },
            busy_until: Duration::ZERO,
        }
    }

    /// An attempt arrives.
    pub(super) fn submit(&mut self, job: Job, now: Duration) {
        self.now = now;
        self.counted.received += 1;
        if self.mishap(&job, |kind| kind == MishapKind::Swallowed).is_some() {
            self.swallowed.push(job);
        } else if self.condition.down {
            // As by a closed port.
            self.refuse(job, FailureKind::Transient);
        } else if self.condition.stands_still() {
            self.unseen.push(job);
        } else {
            self.receive(job);
        }
    }

    /// The calls made for an attempt come to their end, and its worker with them.
    pub(super) fn came_back(&mut self, serial: u64, result: Result<(), FailureKind>, now: Duration) {
        self.now = now;
        if self.condition.stands_still() {
            self.came_back.push((serial, result));
        } else {
            self.go_on(serial, result);
        }
    }

    /// Remembers what makes the calls for an attempt, unless that has ended already.
    pub(super) fn set_out(&mut self, serial: u64, calls: tokio::task::JoinHandle<()>) {
        match self.calling.get_mut(&serial) {
            Some(calling) => calling.calls = Some(calls),
            None => calls.abort(),
        }
    }

    /// Whether anything happens by itself until then.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.due <= now || (self.drops_abandoned && self.busy() > 0)
    }

    /// Does all that is done until then.
    pub(super) fn advance(&mut self, now: Duration, errands: &mut Vec<Errand>) {
        if !self.condition.stands_still() {
            if self.drops_abandoned {
                self.drop_abandoned();
            }
            while let Some(at) = self.next_done().filter(|at| *at <= now) {
                self.finish(at, errands);
            }
            while self.failing.next().is_some_and(|due| due <= nanos(now)) {
                if let Some((job, kind)) = self.failing.pop() {
                    job.answer(Err(kind));
                }
            }
        }
        self.now = now;
        self.look_ahead();
    }

    /// Goes on in another condition.
    pub(super) fn suffer(&mut self, condition: Condition, at: Duration, errands: &mut Vec<Errand>) {
        self.advance(at, errands);
        let breaks = condition.restarts || (condition.down && !self.condition.down);
        if breaks {
            self.fail_all();
        }
        if condition.forgets {
            self.cache.flush();
        }
        self.capacity = (f64::from(self.workers) * condition.capacity).round() as usize;
        self.clock.set_speed(condition.speed, at);
        self.condition = condition;
        if !self.condition.stands_still() {
            for (serial, result) in std::mem::take(&mut self.came_back) {
                self.go_on(serial, result);
            }
            self.fill(at);
            for job in std::mem::take(&mut self.unseen) {
                self.receive(job);
            }
        }
        self.look_ahead();
    }

    /// What was counted so far.
    pub(super) fn totals(&self, now: Duration) -> Totals {
        let busy = now.saturating_sub(self.busy_until) * self.busy();
        let queued = self.queue.len() + self.unseen.len();
        Totals { busy: self.counted.busy + busy, queued, ..self.counted }
    }

    fn receive(&mut self, job: Job) {
        if let Some(MishapKind::FailsBefore(failing)) =
            self.mishap(&job, |kind| matches!(kind, MishapKind::FailsBefore(_)))
        {
            let until = self.now + failing.after;
            self.failing.push(nanos(until), (job, failing.kind));
            self.due = self.due.min(until);
        } else if self.has_free_worker() {
            self.start(job, self.now);
        } else if let Err(job) = self.queue.push(job) {
            self.refuse(job, self.queue.refusal);
        }
    }

    fn refuse(&mut self, job: Job, kind: FailureKind) {
        self.counted.refused += 1;
        job.answer(Err(kind));
    }

    fn start(&mut self, job: Job, at: Duration) {
        self.count_busy(at);
        let (work, answer) = match self.mishap(&job, |kind| matches!(kind, MishapKind::FailsAtWork(_))) {
            Some(MishapKind::FailsAtWork(failing)) => (failing.after, Err(failing.kind)),
            _ => (job.work, Ok(())),
        };
        let until = self.clock.read(at) + nanos(work);
        self.running.push(until, Running { job, since: at, answer });
        self.due = self.due.min(self.clock.when(until));
    }

    /// The next worker to be done has done its work.
    fn finish(&mut self, at: Duration, errands: &mut Vec<Errand>) {
        self.count_busy(at);
        let Some(Running { job, since, answer }) = self.running.pop() else { return };
        let worked = at.saturating_sub(since);
        self.counted.worked += worked;
        if answer.is_ok()
            && let Some(errand) = self.errand(&job)
        {
            self.calling.insert(errand.serial, Calling { job, worked, calls: None });
            errands.push(errand);
            return;
        }
        self.answer(job, answer, worked);
        self.fill(at);
    }

    /// The calls that have to be made for an attempt, if any.
    fn errand(&mut self, job: &Job) -> Option<Errand> {
        let mut calls = Vec::new();
        for position in 0..self.calls {
            let id = Seed(self.seed.part(Purpose::InnerCall, job.id, job.attempt)).part(
                Purpose::InnerCall,
                position as u64,
                0,
            );
            if !self.cache.look_up(self.seed.rng(Purpose::Cache, id, 0).f64()) {
                calls.push(InnerCall { position, id });
            }
        }
        if calls.is_empty() {
            return None;
        }
        self.serial += 1;
        Some(Errand { place: self.place, serial: self.serial, priority: job.priority, calls })
    }

    fn go_on(&mut self, serial: u64, result: Result<(), FailureKind>) {
        self.count_busy(self.now);
        let Some(Calling { job, worked, .. }) = self.calling.remove(&serial) else { return };
        self.answer(job, result, worked);
        self.fill(self.now);
    }

    fn answer(&mut self, job: Job, answer: Result<(), FailureKind>, worked: Duration) {
        if !job.answer(answer) {
            self.counted.wasted += worked;
        }
    }

    /// Gives free workers what waits.
    fn fill(&mut self, at: Duration) {
        while self.has_free_worker()
            && let Some(job) = self.queue.pop()
        {
            if !(self.drops_abandoned && job.is_abandoned()) {
                self.start(job, at);
            }
        }
    }

    /// Stops all work whose caller has left. Callers leave between two turns, when no time passes.
    fn drop_abandoned(&mut self) {
        self.count_busy(self.now);
        for Running { job: _, since, .. } in self.running.extract(|running| running.job.is_abandoned()) {
            let worked = self.now.saturating_sub(since);
            self.counted.worked += worked;
            self.counted.wasted += worked;
        }
        for (_, calling) in self.calling.extract_if(.., |_, calling| calling.job.is_abandoned()) {
            self.counted.wasted += calling.worked;
            calling.stop();
        }
        self.fill(self.now);
    }

    /// Fails everything it has.
    fn fail_all(&mut self) {
        let failed = Err(FailureKind::Transient);
        self.count_busy(self.now);
        for Running { job, since, .. } in self.running.extract(|_| true) {
            let worked = self.now.saturating_sub(since);
            self.counted.worked += worked;
            self.answer(job, failed, worked);
        }
        for (_, calling) in std::mem::take(&mut self.calling) {
            let worked = calling.worked;
            self.answer(calling.stop(), failed, worked);
        }
        while let Some(job) = self.queue.pop() {
            job.answer(failed);
        }
        for job in std::mem::take(&mut self.unseen) {
            job.answer(failed);
        }
        for (job, _) in self.failing.extract(|_| true) {
            job.answer(failed);
        }
    }

    fn mishap(&self, job: &Job, which: impl Fn(MishapKind) -> bool) -> Option<MishapKind> {
        let befalls = |mishap: &&Mishap| which(mishap.kind) && mishap.befalls(job.id, job.attempt);
        self.condition.mishaps.iter().find(befalls).map(|mishap| mishap.kind)
    }

    fn has_free_worker(&self) -> bool {
        self.running.len() + self.calling.len() < self.capacity
    }

    /// How many workers have an attempt.
    fn busy(&self) -> u32 {
        (self.running.len() + self.calling.len()) as u32
    }

    /// Counts the time of busy workers until then; their number is about to change.
    fn count_busy(&mut self, at: Duration) {
        self.counted.busy += at.saturating_sub(self.busy_until) * self.busy();
        self.busy_until = at;
    }

    fn next_done(&self) -> Option<Duration> {
        self.running.next().map(|reading| self.clock.when(reading))
    }

    fn look_ahead(&mut self) {
        let done = self.next_done().unwrap_or(Duration::MAX);
        let failed = self.failing.next().map_or(Duration::MAX, |due| Duration::from_nanos(due as u64));
        self.due = if self.condition.stands_still() { Duration::MAX } else { done.min(failed) };
    }
}
