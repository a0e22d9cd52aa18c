use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of resilience4j.
pub(super) const fn policy() -> Modelled<Resilience4j> {
    Modelled::new(
        "resilience4j",
        "a model of resilience4j 2.4: 3 attempts, each through the circuit breaker, which opens at 50 % of the last 100 \
         attempts for 60 s and then asks 10 probes; with the common back-off",
        Resilience4j::default,
    )
}

/// resilience4j's retry around its circuit breaker, the order of its Spring module.
///
/// After its source (`af9e7c9`): what comes back late counts for the state the circuit is in now, in a half-open one as a probe.
/// Its retry would repeat a refusal of its own breaker too; as that sends nothing, here a refusal ends the call.
#[derive(Debug)]
pub struct Resilience4j {
    circuit: Circuit,
    /// The last results: whether they failed.
    window: VecDeque<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Circuit {
    Closed,
    Open { until: Duration },
    HalfOpen { permits: u32 },
}

const WINDOW: usize = 100;
const WAIT_IN_OPEN: Duration = Duration::from_mins(1);
const PROBES: u32 = 10;

impl Default for Resilience4j {
    /// With the library's defaults.
    fn default() -> Self {
        Self { circuit: Circuit::Closed, window: VecDeque::new() }
    }
}

impl Resilience4j {
    fn enter(&mut self, circuit: Circuit) {
        self.circuit = circuit;
        self.window.clear();
    }

    /// Whether so many results are there, and if they are, whether half of them or more failed.
    fn verdict(&self, needed: usize) -> Option<bool> {
        let failed = self.window.iter().filter(|failed| **failed).count();
        (self.window.len() >= needed).then_some(failed * 2 >= self.window.len())
    }
}

impl Model for Resilience4j {
    const ATTEMPTS: u32 = 3;
    type Attempt = ();

    fn attempt_began(&mut self, _: Option<FailureKind>, now: Duration, _: &mut Rng) -> Option<()> {
        if let Circuit::Open { until } = self.circuit
            && now >= until
        {
            self.enter(Circuit::HalfOpen { permits: PROBES });
        }
        match &mut self.circuit {
            Circuit::Closed => Some(()),
            Circuit::Open { .. } => None,
            Circuit::HalfOpen { permits } => {
                *permits = permits.checked_sub(1)?;
                Some(())
            }
        }
    }

    fn attempt_ended(&mut self, (): (), result: Result<(), FailureKind>, now: Duration) {
        if result == Err(FailureKind::Cancelled) {
            // Not recorded: the permit is given back.
            if let Circuit::HalfOpen { permits } = &mut self.circuit {
                *permits += 1;
            }
            return;
        }
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(result.is_err_and(FailureKind::is_backend_failure));
        match self.circuit {
            Circuit::Closed if self.verdict(WINDOW) == Some(true) => {
                self.enter(Circuit::Open { until: now + WAIT_IN_OPEN });
            }
            Circuit::HalfOpen { .. } => match self.verdict(PROBES as usize) {
                Some(true) => self.enter(Circuit::Open { until: now + WAIT_IN_OPEN }),
                Some(false) => self.enter(Circuit::Closed),
                None => {}
            },
            Circuit::Closed | Circuit::Open { .. } => {}
        }
    }

    fn reading(&self) -> Reading {
        Reading { open: self.circuit != Circuit::Closed, ..Reading::default() }
    }
}
