mod config;
mod endpoint;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use config::OutlierConfig;
use endpoint::Endpoint;

use crate::{Epoch, Event, FailureKind, InvalidConfig, Outcome};

/// Which endpoint of an [`OutlierDetector`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(u64);

/// Something an [`OutlierDetector`] decided: about one endpoint, or with `None` about all of them.
pub type Decision = (Option<EndpointId>, Event);

/// Watches the endpoints of one service, and says which of them to leave alone, as a plain value.
///
/// An endpoint that fails several times in a row, or too large a share of its calls, is ejected for a time that grows
/// each time, and comes back by itself. Never more than a share of them is ejected; and when too few are healthy the
/// trouble is not theirs, so all are used (panic mode).
///
/// Failures that say that there is too much to do count in a row only if nothing has succeeded within the window: when
/// all endpoints together get more than they can bear, each of them now and then answers a few calls in a row too late,
/// and whoever ejects it for that has fewer left to bear the rest.
///
/// Rules and names are those of Envoy's outlier detection and panic threshold.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::{FailureKind, OutlierConfig, OutlierDetector, Outcome};
///
/// let mut rng = fastrand::Rng::with_seed(1);
/// let now = Instant::now();
/// let mut detector = OutlierDetector::new(OutlierConfig::default()).unwrap();
/// let (good, bad) = (detector.insert(now), detector.insert(now));
/// for _ in 0..5 {
///     let epoch = detector.epoch(bad);
///     detector.record(bad, epoch, Outcome::failure(FailureKind::Timeout), now, &mut rng);
/// }
/// assert!(detector.uses(good) && !detector.uses(bad));
/// let later = now + Duration::from_secs(30);
/// detector.settle(later);
/// assert!(detector.uses(bad), "it gets another chance");
/// ```
#[derive(Debug)]
pub struct OutlierDetector {
    config: OutlierConfig,
    endpoints: BTreeMap<EndpointId, Endpoint>,
    next: u64,
    ejected: usize,
    panic: bool,
}

impl OutlierDetector {
    /// A detector without endpoints.
    ///
    /// # Errors
    /// What [`OutlierConfig::validate`] says.
    pub fn new(config: OutlierConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self { config, endpoints: BTreeMap::new(), next: 0, ejected: 0, panic: false })
    }

    /// Watches another endpoint, healthy until it proves otherwise. [`settle`](Self::settle) says whether that ends a
    /// panic.
    pub fn insert(&mut self, now: Instant) -> EndpointId {
        let id = EndpointId(self.next);
        self.next += 1;
        self.endpoints.insert(id, Endpoint::new(&self.config, now));
        id
    }

    /// Forgets an endpoint. What it still has to report is ignored.
    pub fn remove(&mut self, id: EndpointId) -> Vec<Decision> {
        if let Some(endpoint) = self.endpoints.remove(&id)
            && endpoint.is_ejected()
        {
            self.ejected -= 1;
        }
        self.panic_decision().into_iter().collect()
    }

    /// The cycle in which calls to an endpoint are made now; it ends with each ejection.
    pub fn epoch(&self, id: EndpointId) -> Epoch {
        self.endpoints.get(&id).map_or_else(Epoch::default, Endpoint::epoch)
    }

    /// Takes note of how a call to an endpoint ended that was made in a cycle of it.
    ///
    /// A permanent failure speaks for the endpoint: it answered. A cancelled call says nothing, nor does one that we
    /// refused ourselves. The result of a call made before an ejection does not count after it.
    pub fn record(
        &mut self,
        id: EndpointId,
        epoch: Epoch,
        outcome: Outcome,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Vec<Decision> {
        let Some(failed) = outcome.speaks_against_backend() else { return Vec::new() };
        let may_eject = self.ejected < self.most_ejected();
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return Vec::new() };
        if endpoint.is_ejected() || endpoint.epoch() != epoch {
            return Vec::new();
        }
        endpoint.record(failed, is_overload(outcome), now);
        if !failed {
            return Vec::new();
        }
        let Some(reason) = endpoint.is_outlier(&self.config).filter(|_| may_eject) else { return Vec::new() };
        let wait = endpoint.eject(&self.config, now, rng);
        self.ejected += 1;
        let ejected = (Some(id), Event::Ejected { reason, wait });
        std::iter::once(ejected).chain(self.panic_decision()).collect()
    }

    /// Ejects an endpoint by an operator's will, over any limit, for so long.
    pub fn eject(&mut self, id: EndpointId, wait: Duration, now: Instant) -> Vec<Decision> {
        self.eject_because(id, wait, "by an operator", now)
    }

    /// The same for a reason of the caller's own, in a few words.
    pub fn eject_because(
        &mut self,
        id: EndpointId,
        wait: Duration,
        reason: &'static str,
        now: Instant,
    ) -> Vec<Decision> {
        let Some(endpoint) = self.endpoints.get_mut(&id) else { return Vec::new() };
        if !endpoint.is_ejected() {
            self.ejected += 1;
        }
        endpoint.eject_for(wait, now);
        let ejected = (Some(id), Event::Ejected { reason, wait });
        std::iter::once(ejected).chain(self.panic_decision()).collect()
    }

    /// Takes an ejected endpoint back before its time. One that is not ejected stays as it is.
    pub fn readmit(&mut self, id: EndpointId, now: Instant) -> Vec<Decision> {
        let Some(endpoint) = self.endpoints.get_mut(&id).filter(|endpoint| endpoint.is_ejected()) else {
            return Vec::new();
        };
        endpoint.readmit(&self.config, now);
        self.ejected -= 1;
        let readmitted = (Some(id), Event::Readmitted);
        std::iter::once(readmitted).chain(self.panic_decision()).collect()
    }

    /// Takes back every endpoint whose time is over, and says whether there is still panic.
    pub fn settle(&mut self, now: Instant) -> Vec<Decision> {
        let mut decisions = Vec::new();
        for (&id, endpoint) in &mut self.endpoints {
            if endpoint.returns_at().is_some_and(|until| until <= now) {
                endpoint.readmit(&self.config, now);
                self.ejected -= 1;
                decisions.push((Some(id), Event::Readmitted));
            }
        }
        decisions.extend(self.panic_decision());
        decisions
    }

    /// When the next ejected endpoint comes back, if any is ejected: when [`settle`](Self::settle) has work to do.
    pub fn next_return(&self) -> Option<Instant> {
        if self.ejected == 0 {
            return None;
        }
        self.endpoints.values().filter_map(Endpoint::returns_at).min()
    }

    /// Whether calls may go to an endpoint: it is not ejected, or there is panic.
    pub fn uses(&self, id: EndpointId) -> bool {
        self.endpoints.get(&id).is_some_and(|endpoint| self.panic || !endpoint.is_ejected())
    }

    /// Whether an endpoint is ejected.
    pub fn is_ejected(&self, id: EndpointId) -> bool {
        self.endpoints.get(&id).is_some_and(Endpoint::is_ejected)
    }

    /// Whether so few endpoints are healthy that all are used.
    pub const fn is_panicking(&self) -> bool {
        self.panic
    }

    /// The configuration in force.
    pub const fn config(&self) -> &OutlierConfig {
        &self.config
    }

    /// Puts another configuration in force. Windows and ejections stay as they are.
    ///
    /// # Errors
    /// What [`OutlierConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(
        &mut self,
        config: OutlierConfig,
        now: Instant,
    ) -> Result<Vec<Decision>, InvalidConfig> {
        config.validate()?;
        for endpoint in self.endpoints.values_mut() {
            endpoint.reconfigure(&config, now);
        }
        self.config = config;
        Ok(self.panic_decision().into_iter().collect())
    }

    fn most_ejected(&self) -> usize {
        let share = (self.config.max_ejected * self.endpoints.len() as f64).floor() as usize;
        // Of few endpoints one may still be ejected, but never the only one.
        let least = usize::from(self.config.max_ejected > 0.0);
        share.max(least).min(self.endpoints.len().saturating_sub(1))
    }

    fn panic_decision(&mut self) -> Option<Decision> {
        let endpoints = self.endpoints.len();
        let healthy = if endpoints == 0 { 1.0 } else { 1.0 - self.ejected as f64 / endpoints as f64 };
        let panic = self.config.panic_threshold.is_some_and(|threshold| healthy < threshold);
        if panic == std::mem::replace(&mut self.panic, panic) {
            return None;
        }
        Some((None, if panic { Event::PanicEntered { healthy } } else { Event::PanicLeft }))
    }
}

const fn is_overload(outcome: Outcome) -> bool {
    matches!(outcome.failure_kind(), Some(FailureKind::Timeout | FailureKind::Overloaded { .. }))
}
