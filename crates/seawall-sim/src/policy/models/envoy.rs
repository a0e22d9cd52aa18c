use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of Envoy's retry budget.
pub(super) const fn policy() -> Modelled<Envoy> {
    Modelled::new(
        "envoy",
        "a model of Envoy's retries (data-plane-api 84e8436) in a proxy beside each client: 1 retry, as `num_retries` is \
         by default, within a retry budget of 20 % of the active requests, at least 3; with the common back-off",
        Envoy::default,
    )
}

/// Envoy's retry budget (data-plane-api `84e8436`): so many retries at a time, by how many requests are active.
///
/// A retry counts from when it is decided, its back-off included, until the call is over; an active request is an
/// attempt that is under way.
#[derive(Debug, Default)]
pub struct Envoy {
    active: u32,
    retries: u32,
}

const BUDGET: f64 = 0.2;
const MIN_RETRY_CONCURRENCY: f64 = 3.0;

impl Envoy {
    fn free(&self) -> f64 {
        (BUDGET * f64::from(self.active)).max(MIN_RETRY_CONCURRENCY) - f64::from(self.retries)
    }
}

impl Model for Envoy {
    const ATTEMPTS: u32 = 2;
    type Attempt = ();

    fn attempt_began(&mut self, _: Option<FailureKind>, _: Duration, _: &mut Rng) -> Option<()> {
        self.active += 1;
        Some(())
    }

    fn attempt_ended(&mut self, (): (), _: Result<(), FailureKind>, _: Duration) {
        self.active -= 1;
    }

    fn may_retry(&mut self, _: FailureKind, _: Duration) -> bool {
        // Its count is compared with whole numbers.
        let free = self.free() >= 1.0;
        self.retries += u32::from(free);
        free
    }

    fn call_ended(&mut self, retries: u32) {
        self.retries -= retries;
    }

    fn reading(&self) -> Reading {
        Reading { budget: Some(self.free()), ..Reading::default() }
    }
}
