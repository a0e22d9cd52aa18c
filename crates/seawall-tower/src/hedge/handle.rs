use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seawall_core::{Event, Hedge, HedgeConfig, InvalidConfig};

use super::STRATEGY;
use crate::Identity;
use crate::clock::now;

/// The response times and the budget of one backend: shared by the services that call it. Clones are the same.
#[derive(Clone)]
pub struct HedgeHandle(Arc<Shared>);

struct Shared {
    identity: Identity,
    state: Mutex<State>,
    // The delay in nanoseconds, and 0 for none: read by every call without the lock.
    delay: AtomicU64,
}

struct State {
    hedge: Hedge,
    // When something was recorded last. An answer that took no time reads no clock, and is recorded as of then.
    latest: Instant,
}

/// Whether a hedge may be sent.
pub(super) enum Payment {
    Paid {
        /// Whether the call may have a further one.
        more: bool,
    },
    /// The budget is spent. It holds this much.
    Exhausted(f64),
    /// The call has had all its hedges.
    Enough,
}

impl HedgeHandle {
    /// Knows no response times yet, and holds the budget's reserve.
    ///
    /// # Errors
    /// What [`HedgeConfig::validate`] says.
    pub fn new(identity: Identity, config: &HedgeConfig) -> Result<Self, InvalidConfig> {
        let latest = now();
        let hedge = Hedge::new(config.clone(), latest)?;
        let delay = AtomicU64::new(nanos(hedge.delay()));
        Ok(Self(Arc::new(Shared { identity, state: Mutex::new(State { hedge, latest }), delay })))
    }

    /// After how long without an answer a call is hedged now, or `None` while too little is known to say.
    pub fn delay(&self) -> Option<Duration> {
        match self.0.delay.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// What the budget holds, in hedges.
    pub fn balance(&self) -> f64 {
        self.with(|state| state.hedge.balance())
    }

    /// What the calls go to.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// Puts another configuration in force; response times and budget stay. Tells [`Event::Reconfigured`], or
    /// [`Event::ReconfigurationRefused`].
    ///
    /// # Errors
    /// What [`HedgeConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &HedgeConfig) -> Result<(), InvalidConfig> {
        let result = self.with(|state| state.hedge.reconfigure(config.clone()));
        self.0.identity.tell_reconfigured(STRATEGY, &result);
        result
    }

    /// Pays for a hedge of a call that has sent so many.
    pub(super) fn pay(&self, sent: u32) -> Payment {
        self.with(|State { hedge, .. }| {
            let allowed = hedge.config().max_hedges.get();
            if sent >= allowed {
                Payment::Enough
            } else if hedge.withdraw() {
                Payment::Paid { more: sent + 1 < allowed }
            } else {
                Payment::Exhausted(hedge.balance())
            }
        })
    }

    pub(super) fn refund(&self) {
        self.with(|state| state.hedge.refund());
    }

    /// Takes note of a call's end, and of how long its first attempt took if that is known; `now` if that was read.
    pub(super) fn ended(&self, took: Option<Duration>, now: Option<Instant>) {
        self.with(|State { hedge, latest }| {
            hedge.record_call();
            *latest = now.unwrap_or(*latest);
            if let Some(took) = took {
                hedge.record_time(took, *latest);
            }
        });
    }

    /// Takes note of an attempt that met overload.
    pub(super) fn overloaded(&self) {
        self.with(|state| state.hedge.record_overload());
    }

    pub(super) fn is_observed(&self) -> bool {
        self.0.identity.is_observed()
    }

    // Outside of the lock: an observer may take its time.
    pub(super) fn tell(&self, event: &Event) {
        self.0.identity.tell(STRATEGY, event);
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        // A panic while it was locked left rules that are still rules.
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(&mut state);
        let delay = nanos(state.hedge.delay());
        if self.0.delay.load(Ordering::Relaxed) != delay {
            self.0.delay.store(delay, Ordering::Relaxed);
        }
        result
    }
}

fn nanos(delay: Option<Duration>) -> u64 {
    delay.map_or(0, |delay| u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX).max(1))
}

impl fmt::Debug for HedgeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeHandle")
            .field("target", &self.target())
            .field("delay", &self.delay())
            .finish_non_exhaustive()
    }
}
