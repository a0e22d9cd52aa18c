use std::num::NonZeroU64;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Holds all jobs of a run to a common number of rows a second.
///
/// Time is handed out in advance: a batch of rows takes its share and waits until its share has begun. Waiters are
/// served in the order they came, and a pause is not made up for by a burst.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: NonZeroU64,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(rate: NonZeroU64) -> Self {
        Self { rate, next: Mutex::new(Instant::now()) }
    }

    /// Waits until `rows` more rows may go.
    ///
    /// Cancel safe: a caller that leaves while it waits gives its share up, nobody else's.
    pub(crate) async fn wait(&self, rows: u64) {
        let begin = {
            let mut next = self.next.lock().await;
            let begin = (*next).max(Instant::now());
            *next = begin + Duration::from_secs_f64(rows as f64 / self.rate.get() as f64);
            begin
        };
        tokio::time::sleep_until(begin).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rows_go_at_the_rate_and_a_pause_brings_no_burst() {
        let start = Instant::now();
        let pace = Pace::new(NonZeroU64::new(100).unwrap());
        pace.wait(100).await;
        pace.wait(50).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(10)).await;
        pace.wait(100).await;
        pace.wait(1).await;
        assert_eq!(start.elapsed(), Duration::from_secs(12));
    }
}
