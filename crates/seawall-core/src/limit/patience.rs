use std::time::Duration;

/// So many timeouts in a row that came sooner show that calls are given less time now.
const REMEMBERED: u32 = 16;

/// A timeout that came after this part of the longest is as good as it.
const ALMOST: f64 = 0.9;

/// How long calls are given before they time out, as far as timeouts have shown: as long as the longest of the last few.
///
/// A call that waited for its turn may have next to nothing left of its caller's time. That it was late says nothing
/// about the backend, and is no measure of how long answers take.
#[derive(Debug, Default)]
pub(super) struct Patience {
    longest: Option<Duration>,
    /// How many were shorter since, and the longest of those.
    shorter: (u32, Duration),
}

impl Patience {
    /// Takes note of a timeout after so long. Says whether that was about all the time that calls are given.
    pub(super) fn is_exhausted_by(&mut self, took: Duration) -> bool {
        let longest = self.longest.unwrap_or_default();
        if took >= longest.mul_f64(ALMOST) {
            self.learn(longest.max(took));
            return true;
        }
        let (count, next) = (self.shorter.0 + 1, self.shorter.1.max(took));
        self.shorter = (count, next);
        if count == REMEMBERED {
            self.learn(next);
        }
        false
    }

    /// What part of that an answer took. Without timeouts there is no measure.
    pub(super) fn part(&self, took: Option<Duration>) -> Option<f64> {
        // What was ready at once took no time.
        let took = took.unwrap_or_default();
        self.longest.map(|longest| took.as_secs_f64() / longest.as_secs_f64().max(1e-9))
    }

    fn learn(&mut self, longest: Duration) {
        self.longest = Some(longest);
        self.shorter = (0, Duration::ZERO);
    }
}
