use std::time::Duration;

use seawall_core::{FailureKind, Priority};

/// What happened in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Every call, in the order they came.
    pub calls: Vec<CallRecord>,
    /// What was seen of the system, once a second.
    pub seconds: Vec<Second>,
    /// The work done by all servers: the time that their workers spent on attempts, without the time they stood waiting
    /// for calls of their own. Counted when an attempt's work ends.
    pub worked: Duration,
    /// Of that, for nobody: whoever sent the attempt had left when it was answered. An attempt whose answer was taken
    /// is not wasted, even if the call it belonged to then failed or was late; nor is one that was answered with an
    /// error. Who sent an attempt to an inner tier is the server there, whoever called that.
    pub wasted: Duration,
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
    /// How many attempts of it were sent to a server of the first tier.
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

/// One second of the system: what happened in it, and what state it was in at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Second {
    /// Attempts sent in that second, to all tiers.
    pub attempts: u64,
    /// Of those, the ones that clients sent: to the first tier.
    pub from_clients: u64,
    /// Of all, the ones that a server refused at once: its queue was full, or it was down.
    pub refusals: u64,
    /// Attempts that wait at all servers.
    pub queued: usize,
    /// Calls that wait in all clients.
    pub waiting: usize,
    /// The mean of the clients' limits, where they have one.
    pub limit: Option<f64>,
    /// How many clients' circuits are not closed.
    pub open: usize,
    /// The mean of the clients' retry budgets, where they have one.
    pub budget: Option<f64>,
    /// The share of all workers, those that a trigger took included, that had an attempt, on average over the second.
    pub utilisation: f64,
    /// The work that ended in that second, as in [`Run::worked`].
    pub worked: Duration,
    /// Of that, for callers who had left, as in [`Run::wasted`].
    pub wasted: Duration,
}
