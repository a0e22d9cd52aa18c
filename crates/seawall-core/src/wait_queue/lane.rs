use std::collections::BTreeMap;
use std::time::Instant;

/// Those of one class, the oldest first by their numbers.
#[derive(Debug)]
pub(super) struct Lane<T> {
    pub(super) waiters: BTreeMap<u64, Waiter<T>>,
    /// The virtual time up to which the class has had its turns.
    pub(super) served: u64,
}

#[derive(Debug)]
pub(super) struct Waiter<T> {
    pub(super) who: T,
    pub(super) since: Instant,
    pub(super) deadline: Option<Instant>,
}

/// Which end of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Oldest,
    Newest,
}

impl<T> Lane<T> {
    pub(super) const fn new() -> Self {
        Self { waiters: BTreeMap::new(), served: 0 }
    }

    pub(super) fn take(&mut self, end: End) -> Option<Waiter<T>> {
        let (_, waiter) = match end {
            End::Oldest => self.waiters.pop_first(),
            End::Newest => self.waiters.pop_last(),
        }?;
        Some(waiter)
    }

    pub(super) fn oldest_since(&self) -> Option<Instant> {
        self.waiters.first_key_value().map(|(_, waiter)| waiter.since)
    }
}
