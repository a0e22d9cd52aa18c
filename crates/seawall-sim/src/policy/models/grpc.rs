use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of gRPC's retry throttling.
pub(super) const fn policy() -> Modelled<Grpc> {
    Modelled::new(
        "grpc",
        "a model of gRPC's retries (proposal A6) with retry throttling: 4 attempts of the 5 allowed, 10 tokens, 0.1 \
         earned by a success, retries while more than half are left; with the common back-off",
        Grpc::default,
    )
}

/// gRPC's retry throttling, by proposal A6 (grpc/proposal `1fd061a`): a failure takes a token, a success brings a tenth of one, and there are no retries while
/// half of the tokens or more are gone.
///
/// An attempt that the call's deadline cut short takes none: `DEADLINE_EXCEEDED` is not among the codes that are
/// retried.
#[derive(Debug)]
pub struct Grpc {
    /// In thousandths, as gRPC counts them.
    tokens: u32,
}

const MAX_TOKENS: u32 = 10_000;
const RATIO: u32 = 100;

impl Default for Grpc {
    /// With the proposal's values.
    fn default() -> Self {
        Self { tokens: MAX_TOKENS }
    }
}

impl Model for Grpc {
    const ATTEMPTS: u32 = 4;
    type Attempt = ();

    fn attempt_began(&mut self, _: Option<FailureKind>, _: Duration, _: &mut Rng) -> Option<()> {
        Some(())
    }

    fn attempt_ended(&mut self, (): (), result: Result<(), FailureKind>, _: Duration) {
        match result {
            Ok(()) => self.tokens = (self.tokens + RATIO).min(MAX_TOKENS),
            Err(kind) if kind.is_retryable() => self.tokens = self.tokens.saturating_sub(1000),
            Err(_) => {}
        }
    }

    fn may_retry(&mut self, _: FailureKind, _: Duration) -> bool {
        self.tokens > MAX_TOKENS / 2
    }

    fn reading(&self) -> Reading {
        Reading { budget: Some(f64::from(self.tokens) / 1000.0), ..Reading::default() }
    }
}
