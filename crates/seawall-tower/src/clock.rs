use std::time::{Duration, Instant};

/// Tokio's clock, which tests can pause, as the standard instant that policies take.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Measures a future from its first pending poll on. One that is ready at its first poll took no time worth reading
/// a clock for, and reading clocks is most of what a layer costs.
#[derive(Debug)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Call when the future is pending.
    pub(crate) fn pending(&mut self) {
        self.0.get_or_insert_with(now);
    }

    /// The time from then until `now`.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }

    /// The same, reading the clock only if it has to.
    pub(crate) fn read(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |began| now().saturating_duration_since(began))
    }
}
