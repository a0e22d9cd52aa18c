use std::collections::VecDeque;

use seawall_core::{FailureKind, Priority};

use super::Job;
use crate::scenario::{self, QueueKind, QueueRefusal};

/// The attempts that wait for a worker.
#[derive(Debug)]
pub(super) struct Queue {
    kind: QueueKind,
    bound: usize,
    /// What one is told for whom there is no room.
    pub(super) refusal: FailureKind,
    /// By class, if it goes by class; else all in the first.
    lanes: [VecDeque<Job>; Priority::ALL.len()],
    len: usize,
}

impl Queue {
    pub(super) fn new(queue: &scenario::Queue) -> Self {
        let bound = queue.bound.map_or(usize::MAX, |bound| bound as usize);
        let refusal = match queue.refusal {
            QueueRefusal::Overloaded => FailureKind::Overloaded { retry_after: None },
            QueueRefusal::Transient => FailureKind::Transient,
        };
        Self { kind: queue.kind, bound, refusal, lanes: Default::default(), len: 0 }
    }

    /// Lets an attempt wait, unless there is no room.
    pub(super) fn push(&mut self, job: Job) -> Result<(), Job> {
        if self.len >= self.bound {
            return Err(job);
        }
        let lane = match self.kind {
            QueueKind::Fifo | QueueKind::Lifo => 0,
            // The most urgent first.
            QueueKind::Priority => Priority::Critical as usize - job.priority as usize,
        };
        self.lanes[lane].push_back(job);
        self.len += 1;
        Ok(())
    }

    /// Who is next.
    pub(super) fn pop(&mut self) -> Option<Job> {
        if self.len == 0 {
            return None;
        }
        let job = match self.kind {
            QueueKind::Lifo => self.lanes[0].pop_back(),
            QueueKind::Fifo | QueueKind::Priority => self.lanes.iter_mut().find_map(VecDeque::pop_front),
        };
        self.len -= usize::from(job.is_some());
        job
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}
