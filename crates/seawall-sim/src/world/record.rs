use std::time::Duration;

use seawall_core::{FailureKind, Priority};

/// What happened in one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Every call, in the order they came.
    pub calls: Vec<CallRecord>,
    /// What was seen of the system, once a second.
    pub seconds: Vec<Second>,
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallRecord {
    /// When it came.
    pub arrived: Duration,
    /// Of which client.
    pub client: u32,
    /// Its class.
    pub priority: Priority,
    /// How long it took.
    pub took: Duration,
    /// How many attempts of it were sent to a server.
    pub attempts: u32,
    /// How it ended.
    pub end: End,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was answered; if that took longer than the deadline, for nothing.
    Answered,
    /// It failed so.
    Failed(FailureKind),
    /// It had not ended when the run did.
    Lost,
}

/// The state of the system at the end of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Attempts sent in that second, by all clients and tiers.
    pub attempts: u64,
    /// Attempts that wait at all servers.
    pub queued: usize,
    /// Calls that wait in all clients.
    pub waiting: usize,
    /// The mean of the clients' limits, where they have one.
    pub limit: Option<f64>,
    /// How many circuits are not closed.
    pub open: usize,
    /// The mean of the clients' retry budgets, where they have one.
    pub budget: Option<f64>,
    /// The work done by all servers in that second.
    pub worked: Duration,
    /// Of that, for callers who had left.
    pub wasted: Duration,
}
