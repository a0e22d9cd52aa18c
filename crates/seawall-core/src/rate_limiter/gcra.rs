use std::time::Instant;

use super::RateLimitConfig;

/// The generic cell rate algorithm, as arithmetic on nanoseconds: from one arrival time to the next.
///
/// Its whole state is one number, the *theoretical arrival time*: when the bucket will be full again. That makes it fit
/// for an atomic; [`RateLimiter`](super::RateLimiter) keeps it in a plain field.
///
/// It is the virtual scheduling form of ITU-T I.371 and the ATM Forum's Traffic Management specification; its twin, the
/// leaky bucket as a meter, is J. Turner's (1986).
///
/// ```
/// use seawall_core::{Gcra, RateLimitConfig};
///
/// let gcra = Gcra::new(&RateLimitConfig::default()); // one permit every 10 ms, 10 saved up
/// assert_eq!(gcra.admit(0, 10, 0), Ok(100_000_000));
/// assert_eq!(gcra.admit(100_000_000, 1, 0), Err(10_000_000)); // in 10 ms
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    interval: u64,
    capacity: u64,
}

impl Gcra {
    /// The last moment that counts. Arrivals stay below it, so that it can mean something else where they are kept.
    pub const NEVER: u64 = u64::MAX;

    /// The arithmetic of a configuration.
    pub fn new(config: &RateLimitConfig) -> Self {
        let interval = nanos(config.period.as_nanos().div_ceil(u128::from(config.limit.get()))).max(1);
        Self { interval, capacity: interval.saturating_mul(u64::from(config.burst.get())) }
    }

    /// The arithmetic with this [`interval`](Self::interval) and [`capacity`](Self::capacity), as kept elsewhere.
    pub const fn from_parts(interval: u64, capacity: u64) -> Self {
        Self { interval, capacity }
    }

    /// The moment `now`, in nanoseconds since `origin`.
    pub fn nanos(origin: Instant, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(origin).as_nanos())
    }

    /// The nanoseconds in which one permit comes.
    pub const fn interval(self) -> u64 {
        self.interval
    }

    /// The nanoseconds in which an empty bucket fills.
    pub const fn capacity(self) -> u64 {
        self.capacity
    }

    /// The arrival time after `permits` were taken at `now`.
    ///
    /// # Errors
    /// In how many nanoseconds they can be. For more permits than the bucket holds, that is when as many could have
    /// been taken one by one.
    pub fn admit(self, arrival: u64, permits: u64, now: u64) -> Result<u64, u64> {
        let next = arrival.max(now).saturating_add(self.worth(permits)).min(Self::NEVER - 1);
        let latest = now.saturating_add(self.capacity);
        if next <= latest { Ok(next) } else { Err(next - latest) }
    }

    /// What so many permits are worth, in nanoseconds.
    pub const fn worth(self, permits: u64) -> u64 {
        self.interval.saturating_mul(permits)
    }
}

/// What fits into the nanoseconds of a limiter: some 584 years.
pub(super) fn nanos(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(Gcra::NEVER)
}
