use std::time::Duration;

use seawall_core::{Error, FailureKind};
use tokio::time::Instant;

use super::{Backoff, Reconnected};

/// The life of a stream between its connections: when it broke, how often it tried, and when it may try again.
#[derive(Debug)]
pub(crate) struct Outage {
    backoff: Backoff,
    rng: fastrand::Rng,
    /// Until when the stream makes sense.
    deadline: Option<Instant>,
    /// Whether there has been a connection yet.
    connected: bool,
    broken_at: Option<Instant>,
    attempts: u32,
}

impl Outage {
    pub(crate) fn new(backoff: Backoff, deadline: Option<Instant>) -> Self {
        let rng = fastrand::Rng::new();
        Self { backoff, rng, deadline, connected: false, broken_at: None, attempts: 0 }
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) const fn backoff(&mut self) -> &mut Backoff {
        &mut self.backoff
    }

    /// The connection broke or could not be made: until when to wait for the next.
    ///
    /// # Errors
    ///
    /// Why there is to be none: `cause` itself if it will not pass or was the last of its row, or that the deadline
    /// comes first.
    pub(crate) fn broke(&mut self, cause: Error) -> Result<Instant, Error> {
        let now = Instant::now();
        self.broken_at.get_or_insert(now);
        if !may_pass(&cause) {
            return Err(cause);
        }
        let Some(wait) = self.backoff.next(cause.retry_after(), &mut self.rng) else { return Err(cause) };
        match (now.checked_add(wait), self.deadline) {
            (Some(until), None) => Ok(until),
            (Some(until), Some(deadline)) if until < deadline => Ok(until),
            _ => Err(Error::new(FailureKind::Timeout, "http", cause.name().to_owned())
                .with_message("the stream broke, and its deadline comes before the next attempt")
                .with_source(cause)),
        }
    }

    /// An attempt to connect begins.
    pub(crate) const fn attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }

    /// There is a connection, on which the server was told `resumed_from`. Tells of the gap, if there was a connection
    /// before.
    pub(crate) fn over(&mut self, resumed_from: Option<String>) -> Option<Reconnected> {
        let attempts = std::mem::take(&mut self.attempts);
        let broken_at = self.broken_at.take();
        if !std::mem::replace(&mut self.connected, true) {
            return None;
        }
        Some(Reconnected {
            attempts,
            away: broken_at.map_or(Duration::ZERO, |broken_at| broken_at.elapsed()),
            may_have_missed: resumed_from.is_none(),
            resumed_from,
        })
    }
}

/// Whether another attempt may fare better. What policies refuse they may let through later; what the client itself
/// refuses, such as an address that it may not call, it will refuse again.
fn may_pass(cause: &Error) -> bool {
    let kind = cause.kind();
    kind.is_retryable() || (kind == FailureKind::Refused && cause.layer() != "http")
}
