use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seawall_core::{Event, Gcra, InvalidConfig, RateLimitConfig, RateLimiter, Refusal, Refused};

use super::STRATEGY;
use super::lane::Lane;
use super::line::Line;
use super::turn::Turn;
use crate::Identity;
use crate::clock::now;

/// One rate limiter: shared by the services that call one backend, and changed by operators. Clones are the same
/// limiter.
///
/// It also limits what is no tower service:
///
/// ```
/// use std::num::NonZeroU32;
/// use seawall_core::RateLimitConfig;
/// use seawall_tower::{Identity, RateLimiterHandle};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limiter = RateLimiterHandle::new(Identity::new("mail"), &RateLimitConfig::default())?;
/// limiter.acquire(NonZeroU32::MIN).await?;
/// // … send the mail
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RateLimiterHandle(Arc<Shared>);

/// What the clones of a handle share.
pub(super) struct Shared {
    identity: Identity,
    origin: Instant,
    lane: Lane,
    line: Mutex<Line>,
    // Until when it is paused, in nanoseconds since the origin; 0 if it is not, or no more.
    paused_until: AtomicU64,
}

impl RateLimiterHandle {
    /// A limiter that has saved up its burst.
    ///
    /// # Errors
    /// What [`RateLimitConfig::validate`] says.
    pub fn new(identity: Identity, config: &RateLimitConfig) -> Result<Self, InvalidConfig> {
        Ok(Self(Arc::new(Shared::new(identity, config)?)))
    }

    /// Takes `permits` at once, or none. Does not wait, and does not overtake those who do.
    ///
    /// # Errors
    /// The refusal, with the time until it would be the caller's turn.
    pub fn try_acquire(&self, permits: NonZeroU32) -> Result<(), Refusal> {
        self.take(permits).map_err(|refused| self.refusal(refused))
    }

    /// Takes `permits`, and waits its turn for them, first come, first served.
    ///
    /// Cancel safe: dropped, it leaves the line and gives back what it was given.
    ///
    /// # Errors
    /// Refused at once when the wait would be longer than `max_wait` or than the deadline of the
    /// [`CallContext`](seawall_core::CallContext), when too many wait already, or when the call weighs more than the
    /// burst.
    pub async fn acquire(&self, permits: NonZeroU32) -> Result<(), Refusal> {
        let mut turn = Turn::new(self.clone(), permits);
        poll_fn(|cx| turn.poll(cx)).await;
        turn.spend().map_err(|refused| self.refusal(refused))
    }

    /// Gives no permit for so long, at most `max_retry_after`, because the backend asked for it. The layers do it
    /// by themselves for every answer that is classified as
    /// [`Overloaded`](seawall_core::FailureKind::Overloaded) with a `retry_after`. A pause in force is never shortened.
    /// Calls that hold their permits already may start during it.
    pub fn pause(&self, wait: Duration) {
        let now = now();
        let paused = self.with(|line| line.limiter.pause(wait, now));
        if let Some(event) = paused {
            if let Event::Paused { wait } = event {
                self.0.paused_until.fetch_max(Gcra::nanos(self.0.origin, now + wait), Ordering::Relaxed);
            }
            self.tell(&event);
        }
    }

    /// Puts another configuration in force. What is owed stays owed, a pause goes on, and those who wait keep their
    /// places.
    ///
    /// # Errors
    /// What [`RateLimitConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &RateLimitConfig) -> Result<(), InvalidConfig> {
        let adopted = self.adopt(config);
        self.tell_adopted(&adopted, config.per_second());
        adopted.map(drop)
    }

    /// Whether a [`pause`](Self::pause) is in force.
    pub fn is_paused(&self) -> bool {
        let until = self.0.paused_until.load(Ordering::Relaxed);
        // Most limiters never are, and those need no clock.
        if until == 0 {
            return false;
        }
        if Gcra::nanos(self.0.origin, now()) < until {
            return true;
        }
        // Unless another came meanwhile. Should that be lost, the line still knows of it.
        let _ = self.0.paused_until.compare_exchange(until, 0, Ordering::Relaxed, Ordering::Relaxed);
        false
    }

    /// How many permits could be taken at once.
    pub fn balance(&self) -> u32 {
        let now = now();
        self.with(|line| line.limiter.balance(now))
    }

    /// How many calls wait for their turn.
    pub fn waiting(&self) -> usize {
        self.with(|line| line.len())
    }

    /// What the limiter guards.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// Whether nothing would be lost if the limiter were forgotten: nobody waits, and it has saved up all it can.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    pub(super) fn from_shared(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Puts another configuration in force without telling, and says how many permits a second there were before.
    pub(super) fn adopt(&self, config: &RateLimitConfig) -> Result<f64, InvalidConfig> {
        let now = now();
        self.with(|line| {
            let before = line.limiter.config().per_second();
            line.limiter.reconfigure(config.clone(), now)?;
            line.serve(now, None);
            Ok(before)
        })
    }

    /// Tells how it went: `limit` permits a second are there now instead of as many as before, or nothing has changed.
    pub(super) fn tell_adopted(&self, adopted: &Result<f64, InvalidConfig>, limit: f64) {
        let Ok(before) = adopted else { return self.tell(&Event::ReconfigurationRefused) };
        if before.to_bits() != limit.to_bits() {
            self.tell(&Event::LimitChanged { limit });
        }
        self.tell(&Event::Reconfigured);
    }

    /// Takes permits without the lock, if that is possible.
    pub(super) fn pass(&self, permits: NonZeroU32, now: Instant) -> bool {
        self.0.lane.pass(u64::from(permits.get()), Gcra::nanos(self.0.origin, now))
    }

    pub(super) fn take(&self, permits: NonZeroU32) -> Result<(), Refused> {
        let now = now();
        if self.pass(permits, now) {
            return Ok(());
        }
        self.with(|line| line.try_acquire(permits, now))
    }

    /// Gives back permits taken then and not spent.
    pub(super) fn refund(&self, permits: NonZeroU32, taken: Instant) {
        let now = now();
        self.with(|line| {
            line.limiter.refund(permits, taken, now);
            line.serve(now, None);
        });
    }

    pub(super) fn refusal(&self, refused: Refused) -> Refusal {
        self.0.identity.refuse(STRATEGY, refused)
    }

    // Outside of the lock: an observer may take its time, or look at the limiter.
    pub(super) fn tell(&self, event: &Event) {
        self.0.identity.tell(STRATEGY, event);
    }

    pub(super) fn with<T>(&self, run: impl FnOnce(&mut Line) -> T) -> T {
        self.0.with(run)
    }
}

impl Shared {
    pub(super) fn new(identity: Identity, config: &RateLimitConfig) -> Result<Self, InvalidConfig> {
        let (origin, lane) = (now(), Lane::closed());
        let limiter = RateLimiter::new(config.clone(), origin)?;
        lane.open(limiter.gcra(), limiter.arrival());
        Ok(Self {
            identity,
            origin,
            lane,
            line: Mutex::new(Line::new(limiter)),
            paused_until: AtomicU64::new(0),
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        let now = now();
        self.with(|line| line.is_empty() && line.limiter.is_full(now))
    }

    /// Runs with the fast lane closed and the lock held.
    fn with<T>(&self, run: impl FnOnce(&mut Line) -> T) -> T {
        // A panic while it was locked left a limiter that is still a limiter.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = self.lane.close() {
            line.limiter.set_arrival(arrival);
        }
        let result = run(&mut line);
        if line.is_empty() {
            self.lane.open(line.limiter.gcra(), line.limiter.arrival());
        }
        let (to_wake, to_drop) = line.take_wakers();
        drop(line);
        // Wakers are somebody else's code, also when they are dropped.
        drop(to_drop);
        for waker in to_wake {
            waker.wake();
        }
        result
    }
}

impl fmt::Debug for RateLimiterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiterHandle").field("target", &self.target()).finish_non_exhaustive()
    }
}
