use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use seawall_core::{
    Admission, CircuitBreaker, CircuitBreakerConfig, CircuitMode, CircuitState, Epoch, Event, FailureKind,
    InvalidConfig, Outcome, Refusal, Refused,
};

use super::STRATEGY;
use crate::Identity;
use crate::clock::now;

/// One circuit: shared by the services that call one backend, and switched by operators. Clones are the same circuit.
#[derive(Clone)]
pub struct CircuitBreakerHandle(Arc<Shared>);

struct Shared {
    identity: Identity,
    state: Mutex<State>,
    // The number of the epoch in which calls need not ask, and 0 while they must. It lets calls into a closed circuit
    // without the lock; one that comes a moment late carries an old epoch and decides nothing.
    flowing: AtomicU64,
}

struct State {
    breaker: CircuitBreaker,
    rng: fastrand::Rng,
}

impl CircuitBreakerHandle {
    /// A closed circuit.
    ///
    /// # Errors
    /// What [`CircuitBreakerConfig::validate`] says.
    pub fn new(identity: Identity, config: &CircuitBreakerConfig) -> Result<Self, InvalidConfig> {
        Self::seeded(identity, config, fastrand::u64(..))
    }

    /// The same, with chance taken from a seed, so that a simulation can be repeated.
    ///
    /// # Errors
    /// What [`CircuitBreakerConfig::validate`] says.
    pub fn seeded(
        identity: Identity,
        config: &CircuitBreakerConfig,
        seed: u64,
    ) -> Result<Self, InvalidConfig> {
        let breaker = CircuitBreaker::new(config.clone(), now())?;
        let flowing = AtomicU64::new(number(breaker.flowing()));
        let state = Mutex::new(State { breaker, rng: fastrand::Rng::with_seed(seed) });
        Ok(Self(Arc::new(Shared { identity, state, flowing })))
    }

    /// What the circuit does with calls.
    pub fn state(&self) -> CircuitState {
        self.with(|state| state.breaker.state())
    }

    /// Refuses every call until told otherwise.
    pub fn force_open(&self) {
        self.switch(CircuitMode::ForcedOpen);
    }

    /// Lets every call pass, and counts, until told otherwise.
    pub fn force_closed(&self) {
        self.switch(CircuitMode::ForcedClosed);
    }

    /// Lets every call pass and counts nothing until told otherwise.
    pub fn disable(&self) {
        self.switch(CircuitMode::Disabled);
    }

    /// Lets every call pass, and only tells what it would have done, until told otherwise.
    pub fn watch_only(&self) {
        self.switch(CircuitMode::MetricsOnly);
    }

    /// Lets the breaker decide again.
    pub fn auto(&self) {
        self.switch(CircuitMode::Auto);
    }

    /// Puts a mode in force, and tells so with [`Event::Forced`] if it is a new one.
    pub fn switch(&self, mode: CircuitMode) {
        let now = now();
        let event = self.with(|state| state.breaker.switch(mode, now));
        self.tell(event);
    }

    /// Puts another configuration in force; the windows keep what they hold.
    ///
    /// # Errors
    /// What [`CircuitBreakerConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &CircuitBreakerConfig) -> Result<(), InvalidConfig> {
        let now = now();
        self.with(|state| state.breaker.reconfigure(config.clone(), now))
    }

    /// What the circuit guards.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// Leave to call without asking, while the circuit is closed.
    pub(super) fn flowing(&self) -> Option<Admission> {
        epoch(self.0.flowing.load(Ordering::Acquire)).map(Admission::flowing)
    }

    pub(super) fn enter(&self, now: Instant) -> Result<Admission, Refused> {
        let admission = self.with(|state| state.breaker.enter(now));
        self.tell(admission.as_ref().ok().and_then(Admission::transition));
        admission
    }

    pub(super) fn exit(&self, admission: Admission, outcome: Option<Outcome>, now: Instant) {
        let event = self.with(|State { breaker, rng }| breaker.exit(admission, outcome, now, rng));
        self.tell(event);
    }

    pub(super) fn refusal(&self, refused: Refused) -> Refusal {
        let Refused { reason, retry_after } = refused;
        self.tell(Some(Event::Refused { reason, retry_after }));
        let refusal = self.0.identity.refusal(STRATEGY, FailureKind::Refused, reason);
        match retry_after {
            Some(wait) => refusal.retry_after(wait),
            None => refusal,
        }
    }

    /// Whether nothing would be lost if the circuit were forgotten: it flows, by its own decision.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.with(|State { breaker, .. }| {
            breaker.state() == CircuitState::Closed && breaker.flowing().is_some()
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        // A panic while it was locked left a breaker that is still a breaker.
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(&mut state);
        let flowing = number(state.breaker.flowing());
        if self.0.flowing.load(Ordering::Relaxed) != flowing {
            self.0.flowing.store(flowing, Ordering::Release);
        }
        result
    }

    // Outside of the lock: an observer may take its time, or look at the circuit.
    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.0.identity.tell(STRATEGY, &event);
        }
    }
}

const fn number(epoch: Option<Epoch>) -> u64 {
    match epoch {
        Some(epoch) => epoch.number() + 1,
        None => 0,
    }
}

fn epoch(number: u64) -> Option<Epoch> {
    number.checked_sub(1).map(Epoch::from_number)
}

impl fmt::Debug for CircuitBreakerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerHandle")
            .field("target", &self.target())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
