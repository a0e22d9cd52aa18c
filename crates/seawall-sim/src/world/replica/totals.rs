use std::time::Duration;

/// What was counted of servers so far, and how they are now.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::world) struct Totals {
    /// Attempts that arrived.
    pub(in crate::world) received: u64,
    /// Of those, sent by clients.
    pub(in crate::world) from_clients: u64,
    /// Of those that arrived, refused at once.
    pub(in crate::world) refused: u64,
    /// Attempts that wait.
    pub(in crate::world) queued: usize,
    /// Workers, when nothing is wrong.
    pub(in crate::world) workers: u32,
    /// The time that workers had an attempt, added up.
    pub(in crate::world) busy: Duration,
    /// The time that workers worked on attempts.
    pub(in crate::world) worked: Duration,
    /// Of that, for callers who had left.
    pub(in crate::world) wasted: Duration,
}

impl Totals {
    pub(in crate::world) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.from_clients += other.from_clients;
        self.refused += other.refused;
        self.queued += other.queued;
        self.workers += other.workers;
        self.busy += other.busy;
        self.worked += other.worked;
        self.wasted += other.wasted;
    }
}
