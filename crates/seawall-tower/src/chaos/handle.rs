use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use seawall_core::{ChaosConfig, Event, FailureKind, Injection, InvalidConfig, Refusal};

use super::STRATEGY;
use crate::Identity;

/// What is injected into the calls of one backend: shared by its services, and switched by operators and tests. Clones
/// are the same.
#[derive(Clone)]
pub struct ChaosHandle(Arc<Shared>);

struct Shared {
    identity: Identity,
    // Whether there is anything to draw for: calls ask this first, without the lock.
    active: AtomicBool,
    state: Mutex<State>,
}

struct State {
    config: ChaosConfig,
    rng: fastrand::Rng,
}

impl ChaosHandle {
    /// Injects by this configuration, with chance of its own.
    ///
    /// # Errors
    /// What [`ChaosConfig::validate`] says.
    pub fn new(identity: Identity, config: &ChaosConfig) -> Result<Self, InvalidConfig> {
        Self::seeded(identity, config, fastrand::u64(..))
    }

    /// The same, with chance taken from a seed: the same calls in the same order meet the same faults.
    ///
    /// # Errors
    /// What [`ChaosConfig::validate`] says.
    pub fn seeded(identity: Identity, config: &ChaosConfig, seed: u64) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let state = State { config: config.clone(), rng: fastrand::Rng::with_seed(seed) };
        let active = AtomicBool::new(config.is_active());
        Ok(Self(Arc::new(Shared { identity, active, state: Mutex::new(state) })))
    }

    /// Injects from the next call on, as configured.
    pub fn enable(&self) {
        self.switch(true);
    }

    /// Injects nothing from the next call on. What calls under way have met stays with them.
    pub fn disable(&self) {
        self.switch(false);
    }

    /// Whether faults are injected, as far as their rates say.
    pub fn is_enabled(&self) -> bool {
        self.with(|state| state.config.enabled)
    }

    /// Puts another configuration in force from the next call on; chance goes on where it was.
    ///
    /// # Errors
    /// What [`ChaosConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &ChaosConfig) -> Result<(), InvalidConfig> {
        if let Err(invalid) = config.validate() {
            self.tell(&Event::ReconfigurationRefused);
            return Err(invalid);
        }
        self.with(|state| state.config.clone_from(config));
        self.tell(&Event::Reconfigured);
        Ok(())
    }

    /// Whose calls are meant.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// What to inject into the next call.
    pub(super) fn draw(&self) -> Injection {
        if !self.0.active.load(Ordering::Relaxed) {
            return Injection::default();
        }
        let injection = self.with(|State { config, rng }| config.draw(rng));
        if injection.latency.is_some() {
            self.tell(&Event::FaultInjected { fault: "latency" });
        }
        if let Some(fault) = injection.fault {
            self.tell(&Event::FaultInjected { fault: fault.as_str() });
        }
        injection
    }

    pub(super) fn error(&self, kind: FailureKind) -> Refusal {
        let refusal = self.0.identity.refusal(STRATEGY, kind, "an injected error");
        match kind {
            FailureKind::Overloaded { retry_after: Some(wait) } => refusal.retry_after(wait),
            _ => refusal,
        }
    }

    pub(super) fn loss(&self) -> Refusal {
        let reason = "the answer was lost on purpose";
        self.0.identity.refusal(STRATEGY, FailureKind::Transient, reason).executed()
    }

    fn switch(&self, enabled: bool) {
        let before = self.with(|state| std::mem::replace(&mut state.config.enabled, enabled));
        if before != enabled {
            self.tell(&Event::Reconfigured);
        }
    }

    fn with<T>(&self, run: impl FnOnce(&mut State) -> T) -> T {
        // No panic while it was locked can have left it half changed.
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = run(&mut state);
        self.0.active.store(state.config.is_active(), Ordering::Relaxed);
        result
    }

    fn tell(&self, event: &Event) {
        self.0.identity.tell(STRATEGY, event);
    }
}

impl fmt::Debug for ChaosHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.with(|state| state.config.clone());
        f.debug_struct("ChaosHandle").field("target", &self.target()).field("config", &config).finish()
    }
}
