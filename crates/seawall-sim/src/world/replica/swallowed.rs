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
