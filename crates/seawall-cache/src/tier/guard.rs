use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use seawall_core::{
    Admission, CallContext, CircuitBreaker, Error, Event, Failure, FailureKind, InvalidConfig, Outcome,
};
use tokio::time::{Instant, timeout};

use super::TierFuture;
use crate::SecondTierConfig;
use crate::stats::Counters;
use crate::voice::Voice;

/// What stands between the cache and its second tier: a time budget, a circuit breaker, a count of what fails. Nothing
/// that the second tier does, or does not do, costs a read more than the budget.
pub(super) struct Guard {
    timeout: Duration,
    circuit: Mutex<Circuit>,
    counters: Arc<Counters>,
    voice: Voice,
}

struct Circuit {
    breaker: CircuitBreaker,
    rng: fastrand::Rng,
}

impl Guard {
    pub(super) fn new(
        config: &SecondTierConfig,
        counters: Arc<Counters>,
        voice: Voice,
    ) -> Result<Self, InvalidConfig> {
        let breaker = CircuitBreaker::new(config.circuit.clone(), now())?;
        let circuit = Mutex::new(Circuit { breaker, rng: fastrand::Rng::new() });
        Ok(Self { timeout: config.timeout, circuit, counters, voice })
    }

    /// Makes one request, unless the circuit is open.
    pub(super) async fn ask<'a, T>(&self, request: impl FnOnce() -> TierFuture<'a, T>) -> Result<T, Error> {
        let mut passage = self.enter()?;
        // The caller's own haste says nothing about the second tier.
        let left = CallContext::current_deadline().map(|end| end.saturating_duration_since(now()));
        let hurried = left.is_some_and(|left| left < self.timeout);
        let limit = left.map_or(self.timeout, |left| left.min(self.timeout));
        // What panics as it is made is caught with what panics later.
        let request = AssertUnwindSafe(async { request().await });
        let answer = match timeout(limit, request.catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(self.failure(FailureKind::Permanent, "the second tier panicked")),
            Err(_elapsed) if hurried => {
                return Err(self.failure(FailureKind::Timeout, "no answer before the deadline"));
            }
            Err(_elapsed) => {
                self.voice.tell(&Event::TimedOut { after: self.timeout });
                Err(self.failure(FailureKind::Timeout, "the second tier took too long"))
            }
        };
        let outcome = answer.as_ref().map_or_else(outcome, |_| Outcome::Success);
        passage.end(outcome);
        if let Err(error) = &answer {
            self.counters.second_tier_failures.count();
            self.voice.tell(&Event::FellBack { kind: error.kind() });
        }
        answer
    }

    fn enter(&self) -> Result<Passage<'_>, Error> {
        let entered = self.lock().breaker.enter(now());
        match entered {
            Ok(admission) => {
                if let Some(event) = admission.transition() {
                    self.voice.tell(&event);
                }
                Ok(Passage { guard: self, admission: Some(admission) })
            }
            Err(refused) => {
                self.counters.second_tier_skips.count();
                Err(self.failure(FailureKind::Refused, refused.reason).not_executed())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        // The breaker is a plain value that a panic leaves as it was.
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self, kind: FailureKind, message: &'static str) -> Error {
        Error::new(kind, "cache", &self.voice.name).with_message(message)
    }
}

/// An admission of the circuit that comes back even when the request is dropped.
struct Passage<'a> {
    guard: &'a Guard,
    admission: Option<Admission>,
}

impl Passage<'_> {
    fn end(&mut self, outcome: Outcome) {
        self.give_back(Some(outcome));
    }

    fn give_back(&mut self, outcome: Option<Outcome>) {
        let Some(admission) = self.admission.take() else { return };
        let event = {
            let mut circuit = self.guard.lock();
            let Circuit { breaker, rng } = &mut *circuit;
            breaker.exit(admission, outcome, now(), rng)
        };
        if let Some(event) = event {
            self.guard.voice.tell(&event);
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

/// A second tier has no requests that are wrong for good: whatever fails speaks against it.
fn outcome(error: &Error) -> Outcome {
    let kind = match error.kind() {
        FailureKind::Permanent => FailureKind::Transient,
        kind => kind,
    };
    Outcome::Failure(Failure { kind, may_have_executed: error.may_have_executed() })
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
