mod config;
mod gcra;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

pub use config::RateLimitConfig;
pub use gcra::Gcra;
use gcra::nanos;

use crate::{Event, InvalidConfig, Refused};

/// A rate limiter as a plain value: it is told the time; it holds no lock, no clock and no queue.
///
/// Permits come in one by one at a steady rate and up to `burst` of them are saved up. A call takes one, or as many as
/// it weighs; when there are too few it is told how long until there will be enough.
///
/// It is the generic cell rate algorithm ([`Gcra`]): one number is the whole state, a decision costs a comparison and an
/// addition, and there is no window at whose edge twice the limit could pass. That is why sliding logs and sliding
/// counters are not offered: the log costs memory for every call, the counter is an estimate, and neither can say
/// exactly when the next call may come.
///
/// A backend that asks to be left alone ([`pause`](Self::pause)) is: afterwards calls start again one by one, not with a
/// burst. Calls that hold their permits already may start during the pause. Another configuration ([`reconfigure`](Self::reconfigure)) forgives nothing: permits taken stay taken.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::{Duration, Instant};
/// use seawall_core::{RateLimitConfig, RateLimiter};
///
/// let now = Instant::now();
/// let one = NonZeroU32::MIN;
/// let config = RateLimitConfig { burst: NonZeroU32::new(2).unwrap(), ..RateLimitConfig::default() };
/// let mut limiter = RateLimiter::new(config, now).unwrap();
/// assert!(limiter.try_acquire(one, now).is_ok() && limiter.try_acquire(one, now).is_ok());
///
/// let wait = limiter.try_acquire(one, now).unwrap_err().retry_after.unwrap();
/// assert_eq!(wait, Duration::from_millis(10));
/// assert!(limiter.try_acquire(one, now + wait).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter {
    config: RateLimitConfig,
    gcra: Gcra,
    origin: Instant,
    // In nanoseconds from `origin`, as are the other two: when the bucket is full again.
    arrival: u64,
    paused_until: u64,
    // While there is a pause: what `arrival` would be without it.
    unpaused: u64,
    configured_at: u64,
}

impl RateLimiter {
    /// A limiter that has saved up its burst.
    ///
    /// # Errors
    /// What [`RateLimitConfig::validate`] says.
    pub fn new(config: RateLimitConfig, now: Instant) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let gcra = Gcra::new(&config);
        Ok(Self { config, gcra, origin: now, arrival: 0, paused_until: 0, unpaused: 0, configured_at: 0 })
    }

    /// Takes `permits` at once, or nothing.
    ///
    /// # Errors
    /// How long until there will be so many, if nobody else takes any. More than `burst` there never are.
    pub fn try_acquire(&mut self, permits: NonZeroU32, now: Instant) -> Result<(), Refused> {
        if permits > self.config.burst {
            return Err(Refused { reason: "the call weighs more than the burst", retry_after: None });
        }
        let now = self.nanos(now);
        match self.gcra.admit(self.arrival, u64::from(permits.get()), now) {
            Ok(arrival) => {
                self.arrival = arrival;
                Ok(())
            }
            Err(wait) => {
                let retry_after = Some(Duration::from_nanos(wait));
                Err(Refused { reason: self.reason_at(now), retry_after })
            }
        }
    }

    /// Gives back permits that were taken at `taken` and not used: what time has not brought back by itself since then,
    /// so that a permit held for long and then given back does not count twice. A pause goes on all the same.
    pub fn refund(&mut self, permits: NonZeroU32, taken: Instant, now: Instant) {
        let (taken, now) = (self.nanos(taken), self.nanos(now));
        if taken < self.configured_at {
            // What they were worth since then is not known, and less is safe.
            return;
        }
        let worth = self.gcra.worth(u64::from(permits.get())).saturating_sub(now.saturating_sub(taken));
        // A pause may have come after the permits were taken: what it emptied was not theirs, and is not saved up by
        // giving them back once it is over.
        self.unpaused = self.unpaused.saturating_sub(worth);
        let returned = self.arrival.saturating_sub(worth).max(self.floor(taken));
        self.arrival = returned.min(self.arrival);
    }

    /// Gives nothing for a while, at most `max_retry_after`, because the backend asks for it. Nothing is saved up in
    /// that time. A pause that would end sooner than the one in force changes nothing and tells nothing.
    pub fn pause(&mut self, wait: Duration, now: Instant) -> Option<Event> {
        let wait = wait.min(self.config.max_retry_after);
        let now = self.nanos(now);
        let until = now.saturating_add(nanos(wait.as_nanos())).min(Gcra::NEVER - 1);
        if wait.is_zero() || until <= self.paused_until {
            return None;
        }
        if self.paused_until <= now {
            self.unpaused = self.arrival;
        }
        self.paused_until = until;
        self.arrival = self.arrival.max(self.emptied_at(until));
        Some(Event::Paused { wait })
    }

    /// Puts another configuration in force. As many permits are owed as before, worth what they now take to come in; a
    /// pause goes on.
    ///
    /// # Errors
    /// What [`RateLimitConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&mut self, config: RateLimitConfig, now: Instant) -> Result<(), InvalidConfig> {
        config.validate()?;
        let gcra = Gcra::new(&config);
        let now = self.nanos(now);
        // What a pause has emptied, nobody has taken: it is no debt, and the pause sees to it below.
        let arrival = if now < self.paused_until { self.unpaused } else { self.arrival };
        let owed = u128::from(arrival.saturating_sub(now));
        let rescaled = (owed * u128::from(gcra.interval())).div_ceil(u128::from(self.gcra.interval()));
        let rescaled = now.saturating_add(nanos(rescaled)).min(Gcra::NEVER - 1);
        self.arrival = if owed > 0 { rescaled } else { arrival };
        self.unpaused = self.arrival;
        (self.config, self.gcra, self.configured_at) = (config, gcra, now);
        // A greater burst is not there before its time either.
        self.arrival = self.arrival.max(self.floor(now));
        Ok(())
    }

    /// How many permits could be taken at once.
    pub fn balance(&self, now: Instant) -> u32 {
        let now = self.nanos(now);
        let latest = now.saturating_add(self.gcra.capacity());
        let whole = latest.saturating_sub(self.arrival.max(now)) / self.gcra.interval();
        u32::try_from(whole).unwrap_or(u32::MAX)
    }

    /// How long until `permits` could have been taken one by one. Unlike a call's weight they may be more than `burst`.
    pub fn wait(&self, permits: u64, now: Instant) -> Duration {
        let wait = self.gcra.admit(self.arrival, permits, self.nanos(now)).err();
        Duration::from_nanos(wait.unwrap_or_default())
    }

    /// Why a call may have to wait at this time, in a few words.
    pub fn reason(&self, now: Instant) -> &'static str {
        self.reason_at(self.nanos(now))
    }

    /// Whether it has saved up all it can: it remembers nothing that a new one would not know.
    pub fn is_full(&self, now: Instant) -> bool {
        self.arrival <= self.nanos(now)
    }

    /// The configuration in force.
    pub const fn config(&self) -> &RateLimitConfig {
        &self.config
    }

    /// The arithmetic in force, for those who keep the [`arrival`](Self::arrival) in an atomic for a while.
    pub const fn gcra(&self) -> Gcra {
        self.gcra
    }

    /// The state: the theoretical arrival time, in [nanoseconds](Gcra::nanos) since the limiter was made.
    pub const fn arrival(&self) -> u64 {
        self.arrival
    }

    /// Takes the state back from an atomic, where [`gcra`](Self::gcra) has moved it on.
    pub const fn set_arrival(&mut self, arrival: u64) {
        self.arrival = arrival;
    }

    fn nanos(&self, now: Instant) -> u64 {
        Gcra::nanos(self.origin, now)
    }

    /// What a pause that was in force then, or came later, holds the arrival time to.
    fn floor(&self, then: u64) -> u64 {
        if then < self.paused_until { self.emptied_at(self.paused_until) } else { 0 }
    }

    /// The arrival time with which exactly one permit is there at `until`, and none before.
    fn emptied_at(&self, until: u64) -> u64 {
        until.saturating_add(self.gcra.capacity() - self.gcra.interval()).min(Gcra::NEVER - 1)
    }

    const fn reason_at(&self, now: u64) -> &'static str {
        if now < self.paused_until { "the backend asked for a pause" } else { "the rate limit is reached" }
    }
}
