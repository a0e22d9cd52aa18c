use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seawall_core::{
    Decision, EndpointId, Epoch, Event, Ewma, FailureKind, InvalidConfig, Outcome, OutlierDetector, Refusal,
    Refused,
};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::endpoint::Endpoint;
use super::{BalanceConfig, STRATEGY};
use crate::Identity;
use crate::clock::now;

/// The endpoints that a [`Balance`](super::Balance) chooses from: added, removed, ejected and looked at while it runs.
/// Clones are the same set.
pub struct BalanceHandle<S>(Arc<Shared<S>>);

struct Shared<S> {
    identity: Identity,
    state: Mutex<State<S>>,
    // Wakes those who wait for any endpoint to be ready, when the set has changed.
    changed: Arc<Notify>,
}

struct State<S> {
    config: BalanceConfig,
    detector: OutlierDetector,
    endpoints: Arc<[Arc<Endpoint<S>>]>,
    // When an ejected endpoint comes back.
    next_return: Option<Instant>,
    rng: fastrand::Rng,
}

/// How one endpoint of a balance does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EndpointStatus {
    /// Its name.
    pub endpoint: String,
    /// Calls under way.
    pub in_flight: usize,
    /// What a call is expected to take; `None` if nothing was heard for long.
    pub latency: Option<Duration>,
    /// Whether it is ejected.
    pub ejected: bool,
}

impl<S> BalanceHandle<S> {
    /// A set of endpoints, each with a name of its own. Names are shown and logged: they must hold no secret.
    ///
    /// # Errors
    /// What [`BalanceConfig::validate`] says.
    pub fn new(
        identity: Identity,
        config: &BalanceConfig,
        endpoints: impl IntoIterator<Item = (impl Into<Arc<str>>, S)>,
    ) -> Result<Self, InvalidConfig> {
        Self::seeded(identity, config, endpoints, fastrand::u64(..))
    }

    /// The same, with chance taken from a seed, so that a simulation can be repeated.
    ///
    /// # Errors
    /// What [`BalanceConfig::validate`] says.
    pub fn seeded(
        identity: Identity,
        config: &BalanceConfig,
        endpoints: impl IntoIterator<Item = (impl Into<Arc<str>>, S)>,
        seed: u64,
    ) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let detector = OutlierDetector::new(config.outlier.clone())?;
        let rng = fastrand::Rng::with_seed(seed);
        let state = State { config: config.clone(), detector, endpoints: [].into(), next_return: None, rng };
        let handle =
            Self(Arc::new(Shared { identity, state: Mutex::new(state), changed: Arc::new(Notify::new()) }));
        for (name, service) in endpoints {
            handle.insert(name, service);
        }
        Ok(handle)
    }

    /// Adds an endpoint, in place of one of the same name, whose history is then forgotten.
    pub fn insert(&self, name: impl Into<Arc<str>>, service: S) {
        self.insert_unless(name, service, || false);
    }

    /// The same for an endpoint with a circuit breaker or the like inside: while `refuses` says that a call would be
    /// refused there, calls go elsewhere, if there is anywhere else. It is asked for each call, so it must be quick.
    pub fn insert_unless(
        &self,
        name: impl Into<Arc<str>>,
        service: S,
        refuses: impl Fn() -> bool + Send + Sync + 'static,
    ) {
        let (name, now) = (name.into(), now());
        self.decide(|state| {
            let replaced = state.find(&name);
            let id = state.detector.insert(now);
            let latency = Ewma::new(state.config.latency_decay);
            let endpoint = Arc::new(Endpoint::new(name, id, service, latency, Box::new(refuses)));
            let mut decisions = replaced.map_or_else(Vec::new, |old| state.take_out(old));
            state.endpoints = state.endpoints.iter().cloned().chain([endpoint]).collect();
            decisions.extend(state.detector.settle(now));
            state.next_return = state.detector.next_return();
            decisions
        });
        self.0.changed.notify_waiters();
    }

    /// Removes an endpoint; calls under way go on. `false` if there was none of this name.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.decide_of(name, State::take_out);
        if removed {
            // Some may wait for it to be ready.
            self.0.changed.notify_waiters();
        }
        removed
    }

    /// Leaves an endpoint alone for so long, over any limit. `false` if there is none of this name.
    pub fn eject(&self, name: &str, wait: Duration) -> bool {
        self.eject_because(name, wait, "by an operator")
    }

    /// The same with a reason for those who are told, such as `its health probes fail`.
    pub fn eject_because(&self, name: &str, wait: Duration, reason: &'static str) -> bool {
        let now = now();
        self.decide_of(name, |state, id| state.detector.eject_because(id, wait, reason, now))
    }

    /// Takes an ejected endpoint back before its time. `false` if there is none of this name.
    pub fn readmit(&self, name: &str) -> bool {
        let now = now();
        self.decide_of(name, |state, id| state.detector.readmit(id, now))
    }

    /// Whether there is an endpoint that calls go to and that would not refuse them.
    pub fn is_available(&self) -> bool {
        self.settled(now()).iter().any(|endpoint| endpoint.is_used() && !endpoint.refuses())
    }

    /// All endpoints, in the order they were added.
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let now = now();
        self.settled(now);
        let status = |endpoint: &Arc<Endpoint<S>>, ejected| EndpointStatus {
            endpoint: endpoint.name.to_string(),
            in_flight: endpoint.in_flight(),
            latency: endpoint.with_latency(|latency| latency.estimate(now)),
            ejected,
        };
        self.with(|State { endpoints, detector, .. }| {
            endpoints.iter().map(|endpoint| status(endpoint, detector.is_ejected(endpoint.id))).collect()
        })
    }

    /// Puts another configuration in force; ejections and what was measured stay.
    ///
    /// # Errors
    /// What [`BalanceConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &BalanceConfig) -> Result<(), InvalidConfig> {
        let now = now();
        if let Err(invalid) = config.validate() {
            self.tell(&Event::ReconfigurationRefused);
            return Err(invalid);
        }
        self.decide(|state| {
            for endpoint in state.endpoints.iter() {
                endpoint.with_latency(|latency| latency.set_decay(config.latency_decay));
            }
            state.config = config.clone();
            // Validated above, so there is no error to lose.
            state.detector.reconfigure(config.outlier.clone(), now).unwrap_or_default()
        });
        self.tell(&Event::Reconfigured);
        Ok(())
    }

    /// The set as it is, with those back whose ejection is over.
    pub(super) fn settled(&self, now: Instant) -> Arc<[Arc<Endpoint<S>>]> {
        let (endpoints, next_return) = self.with(|state| (Arc::clone(&state.endpoints), state.next_return));
        if next_return.is_some_and(|at| at <= now) {
            self.decide(|state| state.detector.settle(now));
        }
        endpoints
    }

    /// When an ejected endpoint comes back next.
    pub(super) fn next_return(&self) -> Option<Instant> {
        self.with(|state| state.next_return)
    }

    /// Ready when the set has changed since this was called.
    pub(super) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.0.changed).notified_owned()
    }

    pub(super) fn rng(&self) -> fastrand::Rng {
        self.with(|state| state.rng.fork())
    }

    /// Takes note of how a call ended.
    pub(super) fn record(
        &self,
        endpoint: &Endpoint<S>,
        epoch: Epoch,
        outcome: Outcome,
        took: Duration,
        now: Instant,
    ) {
        let bad =
            !matches!(outcome.failure_kind(), None | Some(FailureKind::Permanent | FailureKind::Cancelled));
        if outcome.failure_kind() != Some(FailureKind::Cancelled) {
            let penalty = if bad { self.with(|state| state.config.failure_penalty) } else { Duration::ZERO };
            endpoint.record(took.max(penalty), now);
        }
        self.decide(|State { detector, rng, .. }| detector.record(endpoint.id, epoch, outcome, now, rng));
    }

    pub(super) fn refusal(&self, reason: &'static str, now: Instant) -> Refusal {
        let retry_after = self.next_return().map(|at| at.saturating_duration_since(now));
        self.0.identity.refuse(STRATEGY, Refused { reason, retry_after })
    }

    /// Decides about one endpoint; `false` if there is none of this name.
    fn decide_of(&self, name: &str, run: impl FnOnce(&mut State<S>, EndpointId) -> Vec<Decision>) -> bool {
        let mut found = false;
        self.decide(|state| {
            let Some(id) = state.find(name) else { return Vec::new() };
            found = true;
            let decisions = run(state, id);
            state.next_return = state.detector.next_return();
            decisions
        });
        found
    }

    /// Lets the detector decide, and tells everybody what it decided.
    fn decide(&self, run: impl FnOnce(&mut State<S>) -> Vec<Decision>) {
        let told = self.with(|state| {
            let decisions = run(state);
            if decisions.is_empty() {
                return Vec::new();
            }
            let State { endpoints, detector, next_return, .. } = state;
            *next_return = detector.next_return();
            for endpoint in endpoints.iter() {
                endpoint.note(detector.uses(endpoint.id), detector.epoch(endpoint.id));
            }
            let name = |id| endpoints.iter().find(|e| Some(e.id) == id).map(|e| Arc::clone(&e.name));
            decisions.into_iter().map(|(id, event)| (name(id), event)).collect()
        });
        if told.is_empty() {
            return;
        }
        self.0.changed.notify_waiters();
        for (name, event) in told {
            match name {
                Some(name) => self.0.identity.tell_of(STRATEGY, &name, &event),
                None => self.tell(&event),
            }
        }
    }

    fn tell(&self, event: &Event) {
        self.0.identity.tell(STRATEGY, event);
    }

    fn with<T>(&self, run: impl FnOnce(&mut State<S>) -> T) -> T {
        // A panic while it was locked left a set that is still a set.
        run(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> State<S> {
    fn find(&self, name: &str) -> Option<EndpointId> {
        self.endpoints.iter().find(|endpoint| *endpoint.name == *name).map(|endpoint| endpoint.id)
    }

    fn take_out(&mut self, id: EndpointId) -> Vec<Decision> {
        let (left, taken): (Vec<_>, Vec<_>) =
            self.endpoints.iter().cloned().partition(|endpoint| endpoint.id != id);
        for endpoint in taken {
            endpoint.remove();
        }
        self.endpoints = left.into();
        self.detector.remove(id)
    }
}

impl<S> Clone for BalanceHandle<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for BalanceHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.with(|state| Arc::clone(&state.endpoints));
        f.debug_struct("BalanceHandle")
            .field("target", &self.0.identity.target())
            .field("endpoints", &endpoints)
            .finish_non_exhaustive()
    }
}
