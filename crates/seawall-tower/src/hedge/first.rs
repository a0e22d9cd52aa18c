use std::sync::Arc;
use std::time::{Duration, Instant};

use super::settings::Settings;
use crate::clock::{Place, now};

/// The time of a call's first attempt, which is recorded exactly once: when it answers, or when it is cut off.
///
/// An attempt that was cut off, or failed, would have taken at least as long as it had. That says something about the
/// quantile only if it is more than the quantile, so it is recorded if the delay had passed. Were it not, the slow ones
/// would never be heard of, because hedges beat them, and the delay would sink.
#[derive(Debug)]
pub(super) struct First<C> {
    pub(super) settings: Arc<Settings<C>>,
    pub(super) delay: Option<Duration>,
    pub(super) place: Place,
    // From the first pending poll on: an attempt that is over before that took no time.
    began: Option<Instant>,
    recorded: bool,
}

impl<C> First<C> {
    pub(super) const fn new(settings: Arc<Settings<C>>, delay: Option<Duration>, place: Place) -> Self {
        Self { settings, delay, place, began: None, recorded: false }
    }

    /// When it began, which is now if it was not pending before.
    pub(super) fn began(&mut self, now: impl FnOnce() -> Instant) -> Instant {
        *self.began.get_or_insert_with(now)
    }

    /// How long it has been under way.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| now().saturating_duration_since(began))
    }

    /// Says that it is over, by this clock.
    pub(super) fn record(&mut self, answered: bool, now: impl FnOnce() -> Instant) {
        if std::mem::replace(&mut self.recorded, true) {
            return;
        }
        let measured = self.began.map(|began| (began, now()));
        let took = measured.map_or(Duration::ZERO, |(began, now)| now.saturating_duration_since(began));
        let telling = answered || self.delay.is_some_and(|delay| took >= delay);
        self.settings.handle.ended(telling.then_some(took), measured.map(|(_, now)| now));
    }
}

impl<C> Drop for First<C> {
    fn drop(&mut self) {
        self.record(false, now);
    }
}
