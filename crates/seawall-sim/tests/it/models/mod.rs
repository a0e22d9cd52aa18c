//! The models keep the laws of what they are models of.

mod breakers;
mod budgets;
mod in_the_world;
mod limits;

use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind::{self, Timeout, Transient};
use seawall_sim::policy::models::Model;

/// A client process of one model, asked by hand.
struct Process<M> {
    model: M,
    rng: Rng,
    now: Duration,
}

/// An attempt that began and has not ended.
struct UnderWay<A>(A);

impl<M: Model> Process<M> {
    fn new(model: M) -> Self {
        Self { model, rng: Rng::with_seed(7), now: Duration::ZERO }
    }

    fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn begin(&mut self) -> Option<UnderWay<M::Attempt>> {
        self.begin_after(None)
    }

    fn begin_after(&mut self, failure: Option<FailureKind>) -> Option<UnderWay<M::Attempt>> {
        self.model.attempt_began(failure, self.now, &mut self.rng).map(UnderWay)
    }

    fn end(&mut self, attempt: UnderWay<M::Attempt>, result: Result<(), FailureKind>) {
        self.model.attempt_ended(attempt.0, result, self.now);
    }

    /// An attempt that is answered at once; `false` if it was refused.
    fn attempt(&mut self, result: Result<(), FailureKind>) -> bool {
        self.begin().map(|attempt| self.end(attempt, result)).is_some()
    }

    fn succeed(&mut self, times: u32) {
        for _ in 0..times {
            assert!(self.attempt(Ok(())), "no attempt is refused here");
        }
    }

    fn fail(&mut self, times: u32) {
        for _ in 0..times {
            assert!(self.attempt(Err(Transient)), "no attempt is refused here");
        }
    }

    fn may_retry(&mut self) -> bool {
        self.model.may_retry(Transient, self.now)
    }

    /// How many of so many failures may be retried.
    fn retries(&mut self, of: u32, failure: FailureKind) -> usize {
        (0..of).filter(|_| self.model.may_retry(failure, self.now)).count()
    }
}
