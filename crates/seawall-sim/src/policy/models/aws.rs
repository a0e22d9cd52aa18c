use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of the AWS SDKs' standard mode, as it was.
pub(super) const fn legacy() -> Modelled<Aws> {
    Modelled::new(
        "aws",
        "a model of the AWS SDKs' standard retry mode (smithy-rs of August 2026): 3 attempts, a quota of 500 without \
         refill by time, a retry costs 5 (after a time-out 10), a retry that succeeds brings it back, a first attempt \
         that does brings 1; with the common back-off",
        Aws::legacy,
    )
}

/// The model of the AWS SDKs' standard mode, as of retries 2.1.
pub(super) const fn new_retries() -> Modelled<Aws> {
    Modelled::new(
        "aws-2.1",
        "a model of the AWS SDKs' standard retry mode as of 2.1 (`AWS_NEW_RETRIES_2026`): 3 attempts, a quota of 500 \
         without refill by time, a retry costs 14 (after throttling 5), a retry that succeeds brings it back, a first \
         attempt that does brings 1; with the common back-off",
        Aws::new_retries,
    )
}

/// The AWS SDKs' retry quota (smithy-rs `56ee88c`): a bucket that only successes fill again.
#[derive(Debug)]
pub struct Aws {
    quota: u32,
    costs: Costs,
}

#[derive(Clone, Copy, Debug)]
struct Costs {
    usual: u32,
    timeout: u32,
    throttling: u32,
}

const CAPACITY: u32 = 500;

impl Aws {
    /// The standard mode as it was.
    pub const fn legacy() -> Self {
        Self { quota: CAPACITY, costs: Costs { usual: 5, timeout: 10, throttling: 5 } }
    }

    /// The standard mode as of 2.1. A time-out costs as any failure but throttling (assumed).
    pub const fn new_retries() -> Self {
        Self { quota: CAPACITY, costs: Costs { usual: 14, timeout: 14, throttling: 5 } }
    }

    const fn cost(&self, failure: FailureKind) -> u32 {
        match failure {
            FailureKind::Timeout => self.costs.timeout,
            FailureKind::Overloaded { .. } => self.costs.throttling,
            _ => self.costs.usual,
        }
    }
}

impl Model for Aws {
    const ATTEMPTS: u32 = 3;
    /// What it cost, or `None` if it is a first one.
    type Attempt = Option<u32>;

    fn attempt_began(
        &mut self,
        retry_of: Option<FailureKind>,
        _: Duration,
        _: &mut Rng,
    ) -> Option<Self::Attempt> {
        Some(retry_of.map(|failure| self.cost(failure)))
    }

    fn attempt_ended(&mut self, cost: Self::Attempt, result: Result<(), FailureKind>, _: Duration) {
        if result.is_ok() {
            self.quota = (self.quota + cost.unwrap_or(1)).min(CAPACITY);
        }
    }

    fn may_retry(&mut self, failure: FailureKind, _: Duration) -> bool {
        let left = self.quota.checked_sub(self.cost(failure));
        self.quota = left.unwrap_or(self.quota);
        left.is_some()
    }

    fn reading(&self) -> Reading {
        Reading { budget: Some(f64::from(self.quota)), ..Reading::default() }
    }
}
