use super::Job;

/// Attempts that are never answered: kept for as long as their callers wait.
#[derive(Debug, Default)]
pub(super) struct Swallowed {
    jobs: Vec<Job>,
    /// With so many, it is time to forget those whose callers have left.
    many: usize,
}

impl Swallowed {
    pub(super) fn push(&mut self, job: Job) {
        if self.jobs.len() >= self.many {
            self.jobs.retain(|job| !job.is_abandoned());
            // Twice as many as are awaited, so that each costs the same however many there are.
            self.many = (2 * self.jobs.len()).max(64);
        }
        self.jobs.push(job);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seawall_core::Priority;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn what_nobody_waits_for_is_forgotten_and_what_somebody_does_is_kept() {
        let mut swallowed = Swallowed::default();
        let mut awaited = Vec::new();
        for id in 0..100_000 {
            let (reply, answer) = oneshot::channel();
            swallowed.push(Job { id, attempt: 0, priority: Priority::Normal, work: Duration::ZERO, reply });
            if id % 1000 == 0 {
                awaited.push(answer);
            }
        }
        assert!(swallowed.jobs.len() <= 2 * awaited.len(), "{}", swallowed.jobs.len());
        assert!(
            awaited.iter_mut().all(|answer| answer.try_recv() == Err(oneshot::error::TryRecvError::Empty))
        );
    }
}
