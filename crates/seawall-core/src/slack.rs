use std::time::Duration;

/// Answers that take this part of the time that they may, or less, leave nothing to be wished for: nothing waits.
const QUICK: f64 = 0.125;

/// How much of its time an answered attempt had left: a sign of how near the backend is to what it bears, that is there
/// before anything times out.
///
/// One that took an eighth of its time, or less, counts as if it had taken none; from there on it falls in proportion,
/// to zero for one that was there at the last moment.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Slack(f64);

impl Slack {
    /// Of a quick answer, or one whose time was not limited.
    pub const FULL: Self = Self(1.0);

    /// Of an answer that took so long and might have taken that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use seawall_core::Slack;
    ///
    /// let limit = Duration::from_secs(8);
    /// assert_eq!(Slack::after(Duration::from_secs(1), limit), Slack::FULL);
    /// assert_eq!(Slack::after(Duration::from_millis(4500), limit).share(), 0.5);
    /// assert_eq!(Slack::after(Duration::from_secs(9), limit).share(), 0.0);
    /// ```
    pub fn after(took: Duration, limit: Duration) -> Self {
        let part = took.as_secs_f64() / limit.as_secs_f64().max(1e-9);
        Self(((1.0 - part) / (1.0 - QUICK)).clamp(0.0, 1.0))
    }

    /// Whether there is nothing to be wished for.
    pub fn is_full(self) -> bool {
        self >= Self::FULL
    }

    /// From 0, none, to 1, full.
    pub const fn share(self) -> f64 {
        self.0
    }
}
