use std::time::Duration;

/// What a [`SharedRateLimiter`](super::SharedRateLimiter) decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the units were taken.
    pub allowed: bool,
    /// Units left for now.
    pub remaining: u32,
    /// When it is worth asking for as many again; `None` if they were taken.
    pub retry_after: Option<Duration>,
    /// When the whole burst is there again, if nobody takes more.
    pub reset_after: Duration,
    /// Who decided.
    pub decided_by: DecidedBy,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The server, which knows of all processes.
    Server,
    /// This process, which knows what the server said a moment ago, or holds units that it gave.
    Memory,
    /// Nobody: the server did not answer, and the configuration says what then.
    Outage,
}

impl Decision {
    pub(super) const fn allowed(remaining: u32, reset_after: Duration, decided_by: DecidedBy) -> Self {
        Self { allowed: true, remaining, retry_after: None, reset_after, decided_by }
    }

    pub(super) const fn denied(wait: Duration, decided_by: DecidedBy) -> Self {
        Self { allowed: false, remaining: 0, retry_after: Some(wait), reset_after: wait, decided_by }
    }
}
