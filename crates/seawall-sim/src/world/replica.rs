use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;
use tokio::sync::oneshot;

use crate::scenario::{QueueKind, Tier, TriggerKind};

/// One server: workers, and a queue in front of them.
#[derive(Debug)]
pub(super) struct Replica {
    all_workers: u32,
    workers: u32,
    queue: VecDeque<Job>,
    kind: QueueKind,
    bound: usize,
    drops_abandoned: bool,
    running: BinaryHeap<Reverse<Running>>,
    slower: f64,
    failing: Option<Failing>,
    black_hole: f64,
    serial: u64,
    /// Attempts that arrived so far.
    pub(super) received: u64,
    /// Work done so far.
    pub(super) worked: Duration,
    /// Of that, for callers who had left.
    pub(super) wasted: Duration,
}

/// An attempt at the server.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Duration,
    pub(super) fate: Rng,
    pub(super) reply: oneshot::Sender<Result<(), FailureKind>>,
}

#[derive(Debug)]
struct Running {
    until: Duration,
    serial: u64,
    took: Duration,
    job: Option<Job>,
    answer: Result<(), FailureKind>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    share: f64,
    after: Duration,
    takes_worker: bool,
    overloaded: bool,
}

impl Replica {
    pub(super) fn new(tier: &Tier) -> Self {
        Self {
            all_workers: tier.workers.get(),
            workers: tier.workers.get(),
            queue: VecDeque::new(),
            kind: tier.queue.kind,
            bound: tier.queue.bound.map_or(usize::MAX, |bound| bound as usize),
            drops_abandoned: tier.drops_abandoned,
            running: BinaryHeap::new(),
            slower: 1.0,
            failing: None,
            black_hole: 0.0,
            serial: 0,
            received: 0,
            worked: Duration::ZERO,
            wasted: Duration::ZERO,
        }
    }
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        (self.until, self.serial) == (other.until, other.serial)
    }
}
impl Eq for Running {}
impl PartialOrd for Running {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Running {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.until, self.serial).cmp(&(other.until, other.serial))
    }
}

impl Replica {
    /// An attempt arrives.
    pub(super) fn submit(&mut self, mut job: Job, now: Duration) {
        self.advance(now);
        self.received += 1;
        if self.black_hole > 0.0 && job.fate.f64() < self.black_hole {
            // Kept open for as long as its caller likes.
            self.queue_for_ever(job);
            return;
        }
        if self.failing.is_some_and(|failing| !failing.takes_worker && job.fate.f64() < failing.share) {
            self.fail_on_the_side(job, now);
            return;
        }
        if self.busy() < self.workers {
            self.start(job, now);
        } else if self.queue.len() < self.bound {
            self.queue.push_back(job);
        } else {
            let _ = job.reply.send(Err(FailureKind::Overloaded { retry_after: None }));
        }
    }
    fn busy(&self) -> u32 {
        self.running.iter().filter(|Reverse(running)| running.took > Duration::ZERO).count() as u32
    }
    fn queue_for_ever(&mut self, job: Job) {
        self.serial += 1;
        self.running.push(Reverse(Running {
            until: Duration::MAX,
            serial: self.serial,
            took: Duration::ZERO,
            job: Some(job),
            answer: Ok(()),
        }));
    }
    fn fail_on_the_side(&mut self, job: Job, now: Duration) {
        let Some(failing) = self.failing else { return };
        self.serial += 1;
        let kind = if failing.overloaded {
            FailureKind::Overloaded { retry_after: None }
        } else {
            FailureKind::Transient
        };
        self.running.push(Reverse(Running {
            until: now + failing.after,
            serial: self.serial,
            took: Duration::ZERO,
            job: Some(job),
            answer: Err(kind),
        }));
    }
    fn start(&mut self, mut job: Job, now: Duration) {
        self.serial += 1;
        let mut answer = Ok(());
        let mut took = job.work.mul_f64(self.slower).max(Duration::from_nanos(1));
        if let Some(failing) = self.failing
            && failing.takes_worker
            && job.fate.f64() < failing.share
        {
            took = failing.after.max(Duration::from_nanos(1));
            answer = Err(FailureKind::Transient);
        }
        self.running.push(Reverse(Running {
            until: now + took,
            serial: self.serial,
            took,
            job: Some(job),
            answer,
        }));
    }
    /// Does all that is done until then.
    pub(super) fn advance(&mut self, now: Duration) {
        while self.running.peek().is_some_and(|Reverse(first)| first.until <= now) {
            let Some(Reverse(Running { until, took, job, answer, .. })) = self.running.pop() else { return };
            self.worked += took;
            if let Some(job) = job
                && job.reply.send(answer).is_err()
            {
                self.wasted += took;
            }
            self.fill(until);
        }
    }
    fn fill(&mut self, at: Duration) {
        while self.busy() < self.workers {
            let next = match self.kind {
                QueueKind::Lifo => self.queue.pop_back(),
                _ => self.queue.pop_front(),
            };
            let Some(job) = next else { return };
            if self.drops_abandoned && job.reply.is_closed() {
                continue;
            }
            self.start(job, at);
        }
    }
    /// What goes wrong from now on.
    pub(super) fn suffer<'a>(&mut self, kinds: impl Iterator<Item = &'a TriggerKind>, now: Duration) {
        self.advance(now);
        self.workers = self.all_workers;
        self.slower = 1.0;
        self.failing = None;
        self.black_hole = 0.0;
        for kind in kinds {
            match *kind {
                TriggerKind::CapacityCut { to } => {
                    self.workers = (f64::from(self.all_workers) * to).round() as u32;
                }
                TriggerKind::PartialFailure { share, after, takes_worker, overloaded } => {
                    self.failing = Some(Failing { share, after, takes_worker, overloaded });
                }
                TriggerKind::Brownout { slower } => self.slower = slower,
                TriggerKind::BlackHole { share } => self.black_hole = share,
                _ => {}
            }
        }
        self.fill(now);
    }
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }
}
