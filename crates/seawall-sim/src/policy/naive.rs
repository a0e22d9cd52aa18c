use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::models::{Model, Modelled, back_off};

/// Three retries with back-off, for whatever comes, without a budget.
pub(super) const fn naive() -> Modelled<Naive> {
    Modelled::new(
        "naive",
        "3 retries after 50 ms, doubled each time, with full jitter, and no budget",
        || Naive { patient: true },
    )
}

/// Three retries at once.
pub(super) const fn immediate() -> Modelled<Naive> {
    Modelled::new("immediate", "3 retries at once, without back-off and budget", || Naive { patient: false })
}

/// Retries that nothing holds back.
#[derive(Debug)]
pub(super) struct Naive {
    patient: bool,
}

impl Model for Naive {
    const ATTEMPTS: u32 = 4;
    type Attempt = ();

    fn attempt_began(&mut self, _: Option<FailureKind>, _: Duration, _: &mut Rng) -> Option<()> {
        Some(())
    }

    fn attempt_ended(&mut self, (): (), _: Result<(), FailureKind>, _: Duration) {}

    fn pause(&self, retries: u32, rng: &mut Rng) -> Duration {
        if self.patient { back_off(retries, rng) } else { Duration::ZERO }
    }
}
