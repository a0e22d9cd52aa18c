use std::time::Duration;

/// Somebody who left a [`WaitQueue`](super::WaitQueue), and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure<T> {
    /// Who.
    pub waiter: T,
    /// How long it waited.
    pub waited: Duration,
    /// Why.
    pub fate: Fate,
}

/// Why somebody left a [`WaitQueue`](super::WaitQueue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was its turn.
    Served,
    /// Its deadline passed.
    Expired,
    /// It waited longer than anybody may at present.
    Overdue,
    /// The queue is full, and it would have been served last.
    Displaced,
}
