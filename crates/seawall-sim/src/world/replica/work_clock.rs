use std::time::Duration;

/// A clock that shows how much work one worker would have done, in nanoseconds of usual speed: it goes as fast as work
/// is done, and stands when that stands still. What is worked on keeps its place on it whatever happens to the speed.
#[derive(Debug)]
pub(super) struct WorkClock {
    at: Duration,
    shows: f64,
    speed: f64,
}

impl WorkClock {
    /// One that goes at the usual speed, and so shows the time itself.
    pub(super) const fn new() -> Self {
        Self { at: Duration::ZERO, shows: 0.0, speed: 1.0 }
    }

    /// What it shows then, which must not be before its speed was last set.
    pub(super) fn read(&self, at: Duration) -> f64 {
        self.shows + nanos(at.saturating_sub(self.at)) * self.speed
    }

    /// When it shows that, as things are: never, while it stands.
    pub(super) fn when(&self, reading: f64) -> Duration {
        let missing = ((reading - self.shows).max(0.0) / self.speed).round();
        if missing < u64::MAX as f64 {
            self.at.saturating_add(Duration::from_nanos(missing as u64))
        } else {
            Duration::MAX
        }
    }

    /// Goes on at another speed.
    pub(super) fn set_speed(&mut self, speed: f64, at: Duration) {
        self.shows = self.read(at);
        self.at = at;
        self.speed = speed;
    }
}

pub(super) fn nanos(duration: Duration) -> f64 {
    // A run lasts a day at most, of whose nanoseconds a float holds each.
    duration.as_nanos() as u64 as f64
}
