use std::num::NonZeroU32;
use std::time::Instant;

use super::CircuitBreakerConfig;
use crate::count_window::CountWindow;
use crate::tally::Tally;
use crate::time_window::TimeWindow;

/// Everything a closed circuit remembers of its calls.
#[derive(Debug)]
pub(super) struct Windows {
    count: Option<CountWindow>,
    time: Option<TimeWindow>,
    consecutive: u32,
}

impl Windows {
    pub(super) fn new(config: &CircuitBreakerConfig, now: Instant) -> Self {
        Self {
            count: config.count_window.map(|size| CountWindow::new(size.get() as usize)),
            time: config.time_window.map(|window| TimeWindow::new(window, now)),
            consecutive: 0,
        }
    }

    /// The same history under another configuration.
    pub(super) fn resized(&self, config: &CircuitBreakerConfig, now: Instant) -> Self {
        let fresh = Self::new(config, now);
        Self {
            count: fresh.count.map(|new| match &self.count {
                Some(old) => old.resized(new.size()),
                None => new,
            }),
            time: config.time_window.zip(fresh.time).map(|(window, new)| match &self.time {
                Some(old) => old.resized(window, now),
                None => new,
            }),
            consecutive: self.consecutive,
        }
    }

    pub(super) fn record(&mut self, failed: bool, slow: bool, now: Instant) {
        self.consecutive = if failed { self.consecutive.saturating_add(1) } else { 0 };
        if let Some(count) = &mut self.count {
            count.record(failed, slow);
        }
        if let Some(time) = &mut self.time {
            time.record(failed, slow, now);
        }
    }

    /// Whether a success that was not slow would change nothing at all, whenever it comes.
    pub(super) fn are_unmoved_by_success(&self) -> bool {
        self.time.is_none()
            && self.consecutive == 0
            && self.count.as_ref().is_none_or(CountWindow::is_full_of_successes)
    }

    /// Whether what is remembered opens the circuit.
    pub(super) fn trip(&self, config: &CircuitBreakerConfig) -> bool {
        let minimum = config.minimum_number_of_calls.get();
        config.consecutive_failures.map(NonZeroU32::get).is_some_and(|limit| self.consecutive >= limit)
            || self.count.as_ref().is_some_and(|window| {
                let size = window.size() as u32;
                window.sum().calls >= minimum.min(size) && exceeds(window.sum(), size, config)
            })
            || self.time.as_ref().is_some_and(|window| {
                window.sum().calls >= minimum && exceeds(window.sum(), window.sum().calls, config)
            })
    }
}

fn exceeds(tally: Tally, of: u32, config: &CircuitBreakerConfig) -> bool {
    // Divided rather than multiplied: 3 of 30 is exactly the 0.1 that was written, 0.1 × 30 is more than 3.
    let reaches = |part: u32, threshold: Option<f64>| {
        threshold.is_some_and(|threshold| f64::from(part) / f64::from(of) >= threshold)
    };
    reaches(tally.failures, config.failure_rate_threshold)
        || reaches(tally.slow, config.slow_call_rate_threshold)
}
