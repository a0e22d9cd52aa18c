use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::OutlierConfig;
use crate::time_window::TimeWindow;
use crate::{Epoch, Spread};

const CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// What is known of one endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    epoch: Epoch,
    // Failures in a row: all of them, and those that do not come of overload.
    consecutive: u32,
    broken: u32,
    window: TimeWindow,
    ejected_until: Option<Instant>,
    // How often it was ejected without having proved itself since.
    times: u32,
    returned: Option<Instant>,
    // For how long it was last to be ejected, before chance had its say.
    last_planned: Duration,
}

impl Endpoint {
    pub(super) fn new(config: &OutlierConfig, now: Instant) -> Self {
        Self {
            epoch: Epoch::default(),
            consecutive: 0,
            broken: 0,
            window: TimeWindow::new(config.window, now),
            ejected_until: None,
            times: 0,
            returned: None,
            last_planned: Duration::ZERO,
        }
    }

    pub(super) fn record(&mut self, failed: bool, overload: bool, now: Instant) {
        if failed {
            self.consecutive = self.consecutive.saturating_add(1);
            self.broken = self.broken.saturating_add(u32::from(!overload));
        } else {
            (self.consecutive, self.broken) = (0, 0);
        }
        self.window.record(failed, false, now);
    }

    /// Why it should be ejected, if it should.
    pub(super) fn is_outlier(&self, config: &OutlierConfig) -> Option<&'static str> {
        let tally = self.window.sum();
        let in_a_row = if tally.failures == tally.calls { self.consecutive } else { self.broken };
        let limit = config.consecutive_failures.map(NonZeroU32::get);
        if limit.is_some_and(|limit| in_a_row >= limit) {
            return Some("consecutive failures");
        }
        let rate = f64::from(tally.failures) / f64::from(tally.calls.max(1));
        let enough = tally.calls >= config.minimum_number_of_calls.get();
        (enough && config.failure_rate_threshold.is_some_and(|threshold| rate >= threshold))
            .then_some("failure rate")
    }

    /// Ejects it, and says for how long.
    pub(super) fn eject(
        &mut self,
        config: &OutlierConfig,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        // One that did well for longer than it was last to be ejected has proved itself. The wait that chance made of
        // that may be tiny, and proves nothing.
        if self.returned.is_some_and(|at| now.saturating_duration_since(at) >= self.last_planned) {
            self.times = 0;
        }
        self.times = self.times.saturating_add(1);
        let longest = config.max_ejection_duration;
        let planned = config.ejection_duration.saturating_mul(self.times).min(longest);
        let wait = Spread::new(config.ejection_jitter, longest).next(planned, rng);
        self.eject_for(wait, now);
        self.last_planned = planned;
        wait
    }

    pub(super) fn eject_for(&mut self, wait: Duration, now: Instant) {
        // The clock cannot hold every time; then a century will do.
        let until = now.checked_add(wait).or_else(|| now.checked_add(CENTURY));
        self.ejected_until = Some(until.unwrap_or(now));
        self.last_planned = wait;
        self.epoch = self.epoch.next();
    }

    /// Takes it back with nothing held against it but how often it was ejected.
    pub(super) fn readmit(&mut self, config: &OutlierConfig, now: Instant) {
        self.ejected_until = None;
        self.returned = Some(now);
        (self.consecutive, self.broken) = (0, 0);
        self.window = TimeWindow::new(config.window, now);
    }

    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) const fn is_ejected(&self) -> bool {
        self.ejected_until.is_some()
    }

    pub(super) const fn returns_at(&self) -> Option<Instant> {
        self.ejected_until
    }

    pub(super) fn reconfigure(&mut self, config: &OutlierConfig, now: Instant) {
        self.window = self.window.resized(config.window, now);
    }
}
