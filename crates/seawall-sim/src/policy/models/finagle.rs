use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::window::Window;
use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of Finagle's retry budget.
pub(super) const fn policy() -> Modelled<Finagle> {
    Modelled::new(
        "finagle",
        "a model of Finagle 24.5's retry budget, which Linkerd took over: 20 % of the calls of the last 10 s and 10 \
         retries a second besides; with the common back-off and 3 retries (assumed), and retries of time-outs, which \
         Finagle leaves to be configured",
        Finagle::default,
    )
}

/// Finagle's retry budget (`4feb34c`): each call earns a fifth of a retry, for ten seconds, whatever becomes of it.
#[derive(Debug)]
pub struct Finagle {
    /// In fifths of a retry.
    earned: Window<i64>,
}

const RETRY: i64 = 5;
const TTL: Duration = Duration::from_secs(10);
const RESERVE: i64 = 10 * TTL.as_secs().cast_signed() * RETRY;

impl Default for Finagle {
    /// With the library's defaults.
    fn default() -> Self {
        Self { earned: Window::new(TTL, 10) }
    }
}

impl Model for Finagle {
    const ATTEMPTS: u32 = 4;
    type Attempt = ();

    fn call_began(&mut self, now: Duration) -> bool {
        *self.earned.now(now) += 1;
        true
    }

    fn attempt_began(&mut self, _: Option<FailureKind>, _: Duration, _: &mut Rng) -> Option<()> {
        Some(())
    }

    fn attempt_ended(&mut self, (): (), _: Result<(), FailureKind>, _: Duration) {}

    fn may_retry(&mut self, _: FailureKind, now: Duration) -> bool {
        let affordable = self.earned.sum(now) + RESERVE >= RETRY;
        if affordable {
            *self.earned.now(now) -= RETRY;
        }
        affordable
    }

    fn reading(&self) -> Reading {
        let balance = (self.earned.last_sum() + RESERVE) as f64 / RETRY as f64;
        Reading { budget: Some(balance), ..Reading::default() }
    }
}
