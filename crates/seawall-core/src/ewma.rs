use std::time::{Duration, Instant};

/// How long a backend takes: the mean of what was measured, in which a sample weighs the less the longer ago it is.
///
/// Without samples the estimate fades and is forgotten, so a backend that was slow once is tried again.
///
/// Weights fall exponentially with age (G. Cormode et al., *Forward Decay*, 2009), and all samples of one time weigh the
/// same, however close together they are. Finagle's "peak EWMA" (2015) jumps to every sample above the estimate, and so
/// tells how long ago the last straggler was more than how the backend does: stragglers then send calls away from
/// backends that are well, to those that have no room for them.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::Ewma;
///
/// let (start, second) = (Instant::now(), Duration::from_secs(1));
/// let mut latency = Ewma::new(10 * second);
/// latency.record(Duration::from_millis(20), start);
/// latency.record(Duration::from_millis(80), start + second);
/// let estimate = latency.estimate(start + second).unwrap();
/// assert!(estimate > Duration::from_millis(51) && estimate < Duration::from_millis(52), "{estimate:?}");
/// latency.record_at_least(Duration::from_millis(10), start + second);
/// assert_eq!(latency.estimate(start + second), Some(estimate), "given up too soon to say more");
/// latency.record_at_least(second, start + 2 * second);
/// assert!(latency.estimate(start + 2 * second) > Some(estimate));
/// assert_eq!(latency.estimate(start + 60 * second), None, "nothing was heard for long");
/// ```
#[derive(Clone, Debug)]
pub struct Ewma {
    decay: Duration,
    past: Option<Past>,
}

/// What was measured so far, as it weighed at the last sample.
#[derive(Clone, Copy, Debug)]
struct Past {
    seconds: f64,
    samples: f64,
    at: Instant,
}

impl Ewma {
    /// Nothing is known yet. In `decay`, the weight of what was measured falls to 37 %; it must be above zero.
    pub const fn new(decay: Duration) -> Self {
        Self { decay, past: None }
    }

    /// Takes note of how long a call took.
    pub fn record(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let past = self.past.filter(|past| !self.is_stale(past.at, now));
        let (seconds, samples) = past.map_or((0.0, 0.0), |past| {
            let weight = self.weight(past.at, now);
            (past.seconds * weight, past.samples * weight)
        });
        // A clock reading may be older than one that was told before.
        let at = past.map_or(now, |past| past.at.max(now));
        self.past = Some(Past { seconds: seconds + took, samples: samples + 1.0, at });
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
        let Past { seconds, samples, at } = self.past.filter(|past| !self.is_stale(past.at, now))?;
        Duration::try_from_secs_f64(seconds / samples * self.weight(at, now)).ok()
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
