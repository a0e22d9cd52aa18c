use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

/// A moment, in nanoseconds since the clock of its cache was made.
pub(crate) type Moment = u64;

/// Longer than any process lives, and far from the end of what a [`Moment`] can hold.
pub(crate) const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// The time of one cache.
///
/// A hit must not spend more on reading a clock than on finding its entry. So where nobody can pause tokio's clock, which
/// is in runtimes of several threads, it is the kernel's coarse one: it stands still for a tick of 1 to 10 ms, and costs a
/// few nanoseconds. Elsewhere, in every test with a paused clock too, it is tokio's.
pub(crate) struct Clock {
    began: Instant,
    coarse: Option<Coarse>,
    /// When it began by the calendar, in milliseconds: what other processes know of time.
    calendar: u64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge: read once, and from then on the clock's own time counts"
    )]
    pub(crate) fn new() -> Self {
        let cannot_be_paused =
            Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        let calendar = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            began: Instant::now(),
            coarse: if cannot_be_paused { Coarse::new() } else { None },
            calendar: calendar.as_millis() as u64,
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        match &self.coarse {
            Some(coarse) => coarse.now(),
            None => self.began.elapsed().as_nanos() as u64,
        }
    }

    /// The moment as milliseconds since 1970.
    pub(crate) const fn calendar(&self, moment: Moment) -> u64 {
        self.calendar.saturating_add(moment / 1_000_000)
    }
}

/// A time to live as part of a [`Moment`].
#[inline]
pub(crate) const fn nanoseconds(time: Duration) -> u64 {
    // Cheaper than by way of 128 bits.
    let seconds = if time.as_secs() < LONGEST.as_secs() { time.as_secs() } else { LONGEST.as_secs() };
    seconds * 1_000_000_000 + time.subsec_nanos() as u64
}

#[cfg(target_os = "linux")]
struct Coarse {
    began: u64,
}

#[cfg(target_os = "linux")]
impl Coarse {
    #[expect(clippy::unnecessary_wraps, reason = "on other systems there is none")]
    fn new() -> Option<Self> {
        Some(Self { began: Self::read() })
    }

    #[inline]
    fn now(&self) -> Moment {
        Self::read().saturating_sub(self.began)
    }

    #[inline]
    fn read() -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

#[cfg(not(target_os = "linux"))]
enum Coarse {}

#[cfg(not(target_os = "linux"))]
impl Coarse {
    fn new() -> Option<Self> {
        None
    }

    fn now(&self) -> Moment {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn where_the_clock_can_be_paused_it_is_tokios() {
        let clock = Clock::new();
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(clock.now(), 7_000_000_000);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_coarse_clock_never_runs_ahead_and_is_never_far_behind() {
        let clock = Clock::new();
        assert!(clock.coarse.is_some());
        let tick = 20_000_000;
        for _ in 0..1000 {
            let before = clock.began.elapsed().as_nanos() as u64;
            let coarse = clock.now();
            let after = clock.began.elapsed().as_nanos() as u64;
            assert!(coarse <= after + tick, "{coarse} {after}");
            assert!(coarse + tick >= before, "{coarse} {before}");
        }
    }
}
