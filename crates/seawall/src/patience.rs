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
    /// The last failure that was not our own refusal: what is really wrong.
    cause: Option<Error>,
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, last_progress: Instant::now(), pause: FIRST_PAUSE, cause: None }
    }

    /// How long it lasts.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Something moved: the patience is whole again.
    pub(crate) fn progressed(&mut self) {
        self.last_progress = Instant::now();
        self.pause = FIRST_PAUSE;
        self.cause = None;
    }

    /// Time that passed for a good reason, such as a queue of our own, does not count.
    pub(crate) fn excuse(&mut self, time: Duration) {
        self.last_progress += time;
    }

    /// Runs a step, but no longer than patience lasts: a database that is frozen answers nothing at all.
    ///
    /// # Errors
    /// Those of the step, or that it took too long.
    pub(crate) async fn bound<T>(
        &self,
        what: &str,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout(self.limit, step).await.unwrap_or_else(|_elapsed| {
            let message = format!("no answer within {:?}", self.limit);
            Err(Error::new(FailureKind::Timeout, "seawall", what.to_owned()).with_message(message))
        })
    }

    /// Repeats a step until it succeeds or patience is at an end. `what` names it in the error.
    pub(crate) async fn insist<T, F>(&mut self, what: &str, mut step: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        loop {
            match self.bound(what, step()).await {
                Ok(done) => return Ok(done),
                Err(error) => self.wait_after(error).await?,
            }
        }
    }

    /// Waits before the next try, or gives the error back when it will not help or patience is at an end.
    ///
    /// Cancel safe.
    pub(crate) async fn wait_after(&mut self, error: Error) -> Result<(), Error> {
        // A refusal is our own breaker or budget, protecting the other side: it passes too.
        let passes = error.kind().is_retryable() || error.kind() == FailureKind::Refused;
        let left = self.limit.saturating_sub(self.last_progress.elapsed());
        let is_refusal = error.kind() == FailureKind::Refused;
        if !passes || left.is_zero() {
            return Err(if passes && is_refusal { self.cause.take().unwrap_or(error) } else { error });
        }
        let asked = error.retry_after().unwrap_or(self.pause);
        let pause = asked.clamp(self.pause, LONGEST_PAUSE).min(left);
        if !is_refusal {
            self.cause = Some(error);
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
        let mut patience = Patience::new(Duration::from_mins(1));
        while patience.wait_after(failure(FailureKind::Transient)).await.is_ok() {}
        assert!(start.elapsed() <= Duration::from_mins(1));
        assert!(start.elapsed() > Duration::from_secs(50));
        patience.progressed();
        assert!(patience.wait_after(failure(FailureKind::Refused)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_our_own_does_not_hide_what_is_wrong() {
        let mut patience = Patience::new(Duration::from_secs(10));
        patience.wait_after(failure(FailureKind::Transient)).await.unwrap();
        let given_up = loop {
            if let Err(error) = patience.wait_after(failure(FailureKind::Refused)).await {
                break error;
            }
        };
        assert_eq!(given_up.kind(), FailureKind::Transient);
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_never_ends_is_given_up() {
        let mut patience = Patience::new(Duration::from_secs(10));
        let stuck: Result<(), Error> = patience.insist("step", std::future::pending).await;
        assert_eq!(stuck.unwrap_err().kind(), FailureKind::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_stays_is_not_waited_for() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_mins(1));
        assert!(patience.wait_after(failure(FailureKind::Permanent)).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
