use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seawall_core::{Arm, Epoch, Event, InvalidConfig, Outcome, Rollout, RolloutConfig};

use super::{STRATEGY, point};
use crate::Identity;
use crate::clock::now;

/// One rollout: how far it is, and how both stacks do. Clones are the same rollout.
#[derive(Clone)]
pub struct RolloutHandle(Arc<Shared>);

struct Shared {
    identity: Identity,
    rollout: Mutex<Rollout>,
    turn: AtomicU64,
}

impl RolloutHandle {
    /// A rollout at the configured weight. Its target's name decides which users meet the canary first.
    ///
    /// # Errors
    /// What [`RolloutConfig::validate`] says.
    pub fn new(identity: Identity, config: &RolloutConfig) -> Result<Self, InvalidConfig> {
        let rollout = Mutex::new(Rollout::new(config.clone(), now())?);
        Ok(Self(Arc::new(Shared { identity, rollout, turn: AtomicU64::new(0) })))
    }

    /// The share of calls that the canary gets now: 0 once it was given up.
    pub fn weight(&self) -> f64 {
        self.with(|rollout| rollout.weight())
    }

    /// Whether the canary was given up, by itself or by [`roll_back`](Self::roll_back).
    pub fn is_rolled_back(&self) -> bool {
        self.with(|rollout| rollout.is_rolled_back())
    }

    /// Sends this share of calls to the canary, from 0 to 1.
    ///
    /// # Errors
    /// The weight is not a share, or it is above 0 and the canary was given up: a script that raises the weight step by
    /// step must not bring it back unseen, [`begin_again`](Self::begin_again) does. The old weight then stays.
    pub fn set_weight(&self, weight: f64) -> Result<(), InvalidConfig> {
        self.conclude(self.with(|rollout| rollout.set_weight(weight)))
    }

    /// Begins anew with this share of calls, from 0 to 1: what is known of both stacks is forgotten, and a canary that was
    /// given up gets another chance.
    ///
    /// # Errors
    /// The weight is not a share; everything then stays as it was.
    pub fn begin_again(&self, weight: f64) -> Result<(), InvalidConfig> {
        let now = now();
        self.conclude(self.with(|rollout| rollout.begin_again(weight, now)))
    }

    /// Gives the canary up.
    pub fn roll_back(&self) {
        let event = self.with(Rollout::roll_back);
        self.tell(event);
    }

    /// Puts another configuration in force; windows keep what they hold, and a canary that was given up stays so, whatever
    /// the weight, until it [begins again](Self::begin_again).
    ///
    /// # Errors
    /// What [`RolloutConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &RolloutConfig) -> Result<(), InvalidConfig> {
        let now = now();
        self.conclude(self.with(|rollout| rollout.reconfigure(config.clone(), now)))
    }

    pub(super) fn choose(&self, key: Option<u64>) -> (Arm, Epoch) {
        let point = match key {
            Some(key) => point::of_key(self.0.identity.target(), key),
            None => point::of_turn(self.0.turn.fetch_add(1, Ordering::Relaxed)),
        };
        self.with(|rollout| (rollout.choose(point), rollout.epoch()))
    }

    pub(super) fn record(&self, arm: Arm, epoch: Epoch, outcome: Outcome, took: Duration, now: Instant) {
        let event = self.with(|rollout| rollout.record(arm, epoch, outcome, took, now));
        self.tell(event);
    }

    pub(super) fn abandon(&self, arm: Arm, epoch: Epoch, took: Duration, now: Instant) {
        let event = self.with(|rollout| rollout.abandon(arm, epoch, took, now));
        self.tell(event);
    }

    /// Tells how a live change went.
    fn conclude(&self, result: Result<Option<Event>, InvalidConfig>) -> Result<(), InvalidConfig> {
        let result = result.map(|event| {
            self.tell(Some(Event::Reconfigured));
            self.tell(event);
        });
        if result.is_err() {
            self.tell(Some(Event::ReconfigurationRefused));
        }
        result
    }

    fn with<T>(&self, run: impl FnOnce(&mut Rollout) -> T) -> T {
        // A panic while it was locked left a rollout that is still a rollout.
        run(&mut self.0.rollout.lock().unwrap_or_else(PoisonError::into_inner))
    }

    // Outside of the lock: an observer may take its time, or look at the rollout.
    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.0.identity.tell(STRATEGY, &event);
        }
    }
}

impl fmt::Debug for RolloutHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RolloutHandle")
            .field("target", &self.0.identity.target())
            .field("weight", &self.weight())
            .finish_non_exhaustive()
    }
}
