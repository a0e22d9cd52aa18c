use std::iter::Sum;
use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::window::Window;
use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of Polly's standard handler.
pub(super) const fn policy() -> Modelled<Polly> {
    Modelled::new(
        "polly",
        "a model of the standard handler of Microsoft.Extensions.Http.Resilience 10.9 (Polly 8.7): limiter 1000, \
         3 retries, circuit breaker at 10 % of at least 100 attempts in 30 s, open for 5 s, one probe; with the common \
         back-off, as its own of 2 s would outlast the deadline",
        Polly::default,
    )
}

/// Polly's standard handler: concurrency limiter, retry and circuit breaker, in this order from the outside.
///
/// After its source (Polly `173d6d1`, dotnet/extensions `5862342`): what comes back late counts for the state the circuit is in now; a probe must end before there is
/// another; an attempt that was cancelled (here: by the call's deadline) is no failure, so as a probe it closes the
/// circuit.
#[derive(Debug)]
pub struct Polly {
    calls: u32,
    circuit: Circuit,
    window: Window<Health>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circuit {
    Closed,
    Open { until: Duration },
    HalfOpen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    failed: u32,
    all: u32,
}

const MAX_CALLS: u32 = 1000;
const FAILURE_RATIO: f64 = 0.1;
const MINIMUM_THROUGHPUT: u32 = 100;
const SAMPLING: Duration = Duration::from_secs(30);
const BREAK: Duration = Duration::from_secs(5);

impl Default for Polly {
    /// With the library's defaults.
    fn default() -> Self {
        Self { calls: 0, circuit: Circuit::Closed, window: Window::new(SAMPLING, 10) }
    }
}

impl Model for Polly {
    const ATTEMPTS: u32 = 4;
    type Attempt = ();

    fn call_began(&mut self, _: Duration) -> bool {
        let room = self.calls < MAX_CALLS;
        self.calls += u32::from(room);
        room
    }

    fn attempt_began(&mut self, _: Option<FailureKind>, now: Duration, _: &mut Rng) -> Option<()> {
        match self.circuit {
            Circuit::Open { until } if now >= until => self.circuit = Circuit::HalfOpen,
            Circuit::Open { .. } | Circuit::HalfOpen => return None,
            Circuit::Closed => {}
        }
        Some(())
    }

    fn attempt_ended(&mut self, (): (), result: Result<(), FailureKind>, now: Duration) {
        let failed = result.is_err_and(FailureKind::is_backend_failure);
        let health = self.window.now(now);
        health.all += 1;
        health.failed += u32::from(failed);
        match self.circuit {
            Circuit::HalfOpen if !failed => {
                self.window.clear();
                self.circuit = Circuit::Closed;
            }
            Circuit::HalfOpen => self.circuit = Circuit::Open { until: now + BREAK },
            Circuit::Closed if failed && self.window.sum(now).is_bad() => {
                self.circuit = Circuit::Open { until: now + BREAK };
            }
            Circuit::Closed | Circuit::Open { .. } => {}
        }
    }

    fn call_ended(&mut self, _: u32) {
        self.calls -= 1;
    }

    fn reading(&self) -> Reading {
        Reading { open: self.circuit != Circuit::Closed, ..Reading::default() }
    }
}

impl Health {
    fn is_bad(self) -> bool {
        self.all >= MINIMUM_THROUGHPUT && f64::from(self.failed) >= FAILURE_RATIO * f64::from(self.all)
    }
}

impl Sum for Health {
    fn sum<I: Iterator<Item = Self>>(slots: I) -> Self {
        slots.fold(Self::default(), |sum, slot| Self {
            failed: sum.failed + slot.failed,
            all: sum.all + slot.all,
        })
    }
}
