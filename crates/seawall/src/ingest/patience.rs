use std::time::Duration;

use seawall_core::{Error, FailureKind};
use tokio::time::Instant;

/// How long nothing may move before a source is given up.
///
/// The clients retry each call on their own, within their budget. This is the slower loop around them: a job of
/// hours outlives a restart of its database, so it asks again, ever more slowly, until its patience is at an end.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    last_progress: Instant,
    pause: Duration,
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, last_progress: Instant::now(), pause: FIRST_PAUSE }
    }

    /// Something moved: the patience is whole again.
    pub(crate) fn progressed(&mut self) {
        self.last_progress = Instant::now();
        self.pause = FIRST_PAUSE;
    }

    /// Waits before the next try, or gives the error back when it will not help or patience is at an end.
    ///
    /// Cancel safe.
    pub(crate) async fn wait_after(&mut self, error: Error) -> Result<(), Error> {
        // A refusal is our own breaker or budget, protecting the other side: it passes too.
        let passes = error.kind().is_retryable() || error.kind() == FailureKind::Refused;
        let pause = error.retry_after().unwrap_or(self.pause).clamp(self.pause, LONGEST_PAUSE.max(self.pause));
        if !passes || self.last_progress.elapsed() + pause > self.limit {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Error {
        Error::new(kind, "sql", "test")
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_passes_is_waited_out_until_patience_ends() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(60));
        while patience.wait_after(failure(FailureKind::Transient)).await.is_ok() {}
        assert!(start.elapsed() <= Duration::from_secs(60));
        assert!(start.elapsed() > Duration::from_secs(50));
        patience.progressed();
        assert!(patience.wait_after(failure(FailureKind::Refused)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_stays_is_not_waited_for() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(60));
        assert!(patience.wait_after(failure(FailureKind::Permanent)).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
