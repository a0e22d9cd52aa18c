use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seawall_core::{
    Admission, CircuitBreaker, CircuitBreakerConfig, CircuitMode, CircuitState, Epoch, Event, InvalidConfig,
    Name, Outcome, Refused,
};

use super::STRATEGY;
use super::gate::{Gate, GateWord};
use crate::Identity;
use crate::clock::now;

/// One circuit: shared by the services that call one backend, and switched by operators. Clones are the same circuit.
#[derive(Clone)]
pub struct CircuitBreakerHandle(Arc<Shared>);

struct Shared {
    identity: Identity,
    state: Mutex<State>,
    // Lets calls into a closed circuit, and keeps them out of an open one, without the lock.
    gate: GateWord,
    // Whether slow calls count.
    heeds_slowness: AtomicBool,
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
        let made = now();
        let breaker = CircuitBreaker::new(config.clone(), made)?;
        let gate = GateWord::new(Gate::of(&breaker), made);
        let heeds_slowness = AtomicBool::new(breaker.heeds_slowness());
        let state = Mutex::new(State { breaker, rng: fastrand::Rng::with_seed(seed) });
        Ok(Self(Arc::new(Shared { identity, state, gate, heeds_slowness })))
    }

    /// What the circuit does with calls.
    pub fn state(&self) -> CircuitState {
        self.with(|state| state.breaker.state())
    }

    /// Whether it would refuse a call now, as far as can be said without asking it: it is open or forced open. Once its
    /// time is over it is not, though it has let no probe through yet.
    pub fn is_refusing(&self) -> bool {
        match self.gate() {
            Gate::ForcedOpen => true,
            Gate::Open(until) => now() < until,
            Gate::Ask | Gate::Flowing(_) | Gate::Unmoved(_) => false,
        }
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

    /// Puts another configuration in force; the windows keep what they hold. Tells [`Event::Reconfigured`] or
    /// [`Event::ReconfigurationRefused`].
    ///
    /// # Errors
    /// What [`CircuitBreakerConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &CircuitBreakerConfig) -> Result<(), InvalidConfig> {
        let now = now();
        let result = self.with(|State { breaker, .. }| {
            let result = breaker.reconfigure(config.clone(), now);
            self.0.heeds_slowness.store(breaker.heeds_slowness(), Ordering::Relaxed);
            result
        });
        self.0.identity.tell_reconfigured(STRATEGY, &result);
        result
    }

    /// The configuration in force.
    pub fn config(&self) -> CircuitBreakerConfig {
        self.with(|state| state.breaker.config().clone())
    }

    /// What the circuit guards.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// What the circuit does with calls, as far as it can be said without asking it.
    pub(crate) fn gate(&self) -> Gate {
        self.0.gate.gate()
    }

    /// Whether it matters how long calls take.
    pub(crate) fn heeds_slowness(&self) -> bool {
        // A call that was under way when this changed may be judged by either.
        self.0.heeds_slowness.load(Ordering::Relaxed)
    }

    /// Whether anybody wants to know how long calls take: the circuit, or whoever is told of calls that are dropped.
    pub(super) fn wants_durations(&self) -> bool {
        self.heeds_slowness() || self.0.identity.is_observed()
    }

    /// Whether a call that flowed and was not slow would change nothing if its result were handed back.
    pub(crate) fn is_unmoved_by(&self, epoch: Epoch, outcome: Outcome) -> bool {
        match outcome.speaks_against_backend() {
            Some(failed) => !failed && self.0.gate.is_unmoved(epoch),
            None => true,
        }
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

    /// The same for a call that flowed.
    pub(crate) fn exit_flowing(&self, epoch: Epoch, began: Option<Instant>, outcome: Outcome, now: Instant) {
        let event = self.with(|State { breaker, rng }| breaker.exit_flowing(epoch, began, outcome, now, rng));
        self.tell(event);
    }

    pub(crate) fn abandoned(&self, elapsed: Duration) {
        self.tell(Some(Event::Abandoned { elapsed }));
    }

    /// Tells that a call was refused, and gives the name that its error will show.
    pub(super) fn refused(&self, refused: Refused) -> Name {
        let Refused { reason, retry_after } = refused;
        self.tell(Some(Event::Refused { reason, retry_after }));
        self.0.identity.name()
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
        self.0.gate.set(Gate::of(&state.breaker));
        result
    }

    // Outside of the lock: an observer may take its time, or look at the circuit.
    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.0.identity.tell(STRATEGY, &event);
        }
    }
}

impl fmt::Debug for CircuitBreakerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerHandle")
            .field("target", &self.target())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
