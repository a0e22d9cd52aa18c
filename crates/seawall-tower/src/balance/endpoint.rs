use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seawall_core::{EndpointId, Epoch, Ewma};

/// One endpoint: its service to clone from, and what its calls have told.
pub(super) struct Endpoint<S> {
    pub(super) name: Arc<str>,
    pub(super) id: EndpointId,
    // In a lock only so that a service need not be `Sync`.
    prototype: Mutex<S>,
    latency: Mutex<Ewma>,
    in_flight: AtomicUsize,
    // What the detector says of it, to be read without its lock.
    used: AtomicBool,
    // Whether it is no longer in the set.
    removed: AtomicBool,
    epoch: AtomicU64,
    refuses: Refuses,
}

/// Says whether a call would be refused there now.
pub(super) type Refuses = Box<dyn Fn() -> bool + Send + Sync>;

impl<S> Endpoint<S> {
    pub(super) fn new(name: Arc<str>, id: EndpointId, service: S, latency: Ewma, refuses: Refuses) -> Self {
        Self {
            name,
            id,
            prototype: Mutex::new(service),
            latency: Mutex::new(latency),
            in_flight: AtomicUsize::new(0),
            used: AtomicBool::new(true),
            removed: AtomicBool::new(false),
            epoch: AtomicU64::new(Epoch::default().number()),
            refuses,
        }
    }

    pub(super) fn service(&self) -> S
    where
        S: Clone,
    {
        self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What one more call is expected to cost: the response time, times the calls it would be among. An endpoint of
    /// which nothing was heard for long costs nothing until somebody has gone and looked, and much for all others until
    /// that call is back: one call finds out, not a herd.
    pub(super) fn load(&self, now: Instant) -> f64 {
        let in_flight = self.in_flight() as f64;
        match self.with_latency(|latency| latency.estimate(now)) {
            Some(latency) => latency.as_secs_f64() * (in_flight + 1.0),
            None if in_flight > 0.0 => f64::from(u32::MAX) + in_flight,
            None => 0.0,
        }
    }

    pub(super) fn record(&self, took: Duration, now: Instant) {
        self.with_latency(|latency| latency.record(took, now));
    }

    /// Takes note of a call that was given up after so long.
    pub(super) fn record_at_least(&self, took: Duration, now: Instant) {
        self.with_latency(|latency| latency.record_at_least(took, now));
    }

    pub(super) fn with_latency<T>(&self, run: impl FnOnce(&mut Ewma) -> T) -> T {
        run(&mut self.latency.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Acquire)
    }

    /// Whether a call would be refused there now.
    pub(super) fn refuses(&self) -> bool {
        (self.refuses)()
    }

    /// Whether a call that has waited for it may still use it.
    pub(super) fn is_worth_waiting_for(&self) -> bool {
        self.is_used() && !self.removed.load(Ordering::Acquire)
    }

    pub(super) fn remove(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch::from_number(self.epoch.load(Ordering::Acquire))
    }

    /// Takes over what the detector says.
    pub(super) fn note(&self, used: bool, epoch: Epoch) {
        self.used.store(used, Ordering::Release);
        self.epoch.store(epoch.number(), Ordering::Release);
    }
}

impl<S> fmt::Debug for Endpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("in_flight", &self.in_flight())
            .field("used", &self.is_used())
            .finish_non_exhaustive()
    }
}
