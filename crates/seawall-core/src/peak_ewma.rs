use std::time::{Duration, Instant};

/// How long a backend takes: a moving average that rises at once and falls slowly.
///
/// A sample above the estimate replaces it; one below pulls it down, the more the longer ago the last one was. Without
/// samples the estimate fades and is forgotten, so a backend that was slow once is tried again.
///
/// This is Finagle's "peak EWMA" load metric (Twitter, 2015).
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::PeakEwma;
///
/// let (start, second) = (Instant::now(), Duration::from_secs(1));
/// let mut latency = PeakEwma::new(10 * second);
/// latency.record(Duration::from_millis(20), start);
/// latency.record(Duration::from_millis(80), start + second);
/// assert_eq!(latency.estimate(start + second), Some(Duration::from_millis(80)));
/// latency.record_at_least(Duration::from_millis(10), start + second);
/// assert_eq!(latency.estimate(start + second), Some(Duration::from_millis(80)), "given up too soon to say more");
/// latency.record(Duration::from_millis(20), start + 2 * second);
/// assert!(latency.estimate(start + 2 * second) < Some(Duration::from_millis(80)));
/// latency.record_at_least(second, start + 2 * second);
/// assert_eq!(latency.estimate(start + 2 * second), Some(second));
/// assert_eq!(latency.estimate(start + 60 * second), None, "nothing was heard for long");
/// ```
#[derive(Clone, Debug)]
pub struct PeakEwma {
    decay: Duration,
    // The estimate in seconds, and when it was made.
    last: Option<(f64, Instant)>,
}

impl PeakEwma {
    /// Nothing is known yet. In `decay`, the weight of what was measured falls to 37 %; it must be above zero.
    pub const fn new(decay: Duration) -> Self {
        Self { decay, last: None }
    }

    /// Takes note of how long a call took.
    pub fn record(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let estimate = match self.last {
            Some((before, at)) if took < before && !self.is_stale(at, now) => {
                let weight = self.weight(at, now);
                before * weight + took * (1.0 - weight)
            }
            _ => took,
        };
        self.last = Some((estimate, self.last.map_or(now, |(_, at)| at.max(now))));
    }

    /// Takes note of a call that was given up after so long: it would have taken at least that. The estimate may rise by
    /// it, and never falls.
    pub fn record_at_least(&mut self, took: Duration, now: Instant) {
        if self.estimate(now).is_none_or(|estimate| estimate < took) {
            self.record(took, now);
        }
    }

    /// What a call is expected to take; `None` when there was no sample for longer than the decay.
    pub fn estimate(&self, now: Instant) -> Option<Duration> {
        let (estimate, at) = self.last?;
        if self.is_stale(at, now) {
            return None;
        }
        Duration::try_from_secs_f64(estimate * self.weight(at, now)).ok()
    }

    /// Keeps what was measured under another decay.
    pub const fn set_decay(&mut self, decay: Duration) {
        self.decay = decay;
    }

    fn is_stale(&self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) > self.decay
    }

    fn weight(&self, since: Instant, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(since);
        if passed.is_zero() {
            return 1.0;
        }
        (-passed.as_secs_f64() / self.decay.as_secs_f64()).exp()
    }
}
