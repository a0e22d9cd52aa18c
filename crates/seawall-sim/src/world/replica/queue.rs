use std::collections::VecDeque;

use seawall_core::Priority;

use super::Job;
use crate::scenario::{self, QueueKind};

/// The attempts that wait for a worker.
#[derive(Debug)]
pub(super) struct Queue {
    kind: QueueKind,
    bound: usize,
    /// By class, if it goes by class; else all in the first.
    lanes: [VecDeque<Job>; Priority::ALL.len()],
    len: usize,
}

impl Queue {
    pub(super) fn new(queue: &scenario::Queue) -> Self {
        let bound = queue.bound.map_or(usize::MAX, |bound| bound as usize);
        Self { kind: queue.kind, bound, lanes: Default::default(), len: 0 }
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
