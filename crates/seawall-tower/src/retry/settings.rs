use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::BackoffBuilder;
use seawall_core::{
    CallContext, Event, Failure, FailureKind, Idempotency, Outcome, SharedRetryBudget, Slack,
};

use super::STRATEGY;
use super::course::Course;
use super::knobs::Knobs;
use super::paid::{Cost, Paid};
use crate::replay::is_idempotent;
use crate::{Identity, TimeLimitHandle};

/// What all calls of a policy share, and how they decide.
#[derive(Debug)]
pub(super) struct Settings<C, B> {
    pub(super) classifier: C,
    pub(super) knobs: Arc<Knobs<B>>,
    pub(super) budget: Option<SharedRetryBudget>,
    pub(super) attempt_timeout: Option<TimeLimitHandle>,
    pub(super) unspecified: Idempotency,
    pub(super) within_retries: bool,
    pub(super) identity: Identity,
    pub(super) rng: Arc<Mutex<fastrand::Rng>>,
}

impl<C, B> Settings<C, B> {
    /// The same with another classifier and other knobs.
    pub(super) fn refit<D, K>(&self, classifier: D, knobs: Arc<Knobs<K>>) -> Settings<D, K> {
        Settings {
            classifier,
            knobs,
            budget: self.budget.clone(),
            attempt_timeout: self.attempt_timeout.clone(),
            unspecified: self.unspecified,
            within_retries: self.within_retries,
            identity: self.identity.clone(),
            rng: Arc::clone(&self.rng),
        }
    }

    /// Whether another attempt could follow the one under way, so that its request is worth keeping.
    pub(super) fn allows_after(&self, attempt: u32) -> bool {
        attempt < self.knobs.max_attempts()
    }

    /// Whether the call being made is part of an attempt of another retry, which then decides alone.
    pub(super) fn is_nested(&self) -> bool {
        !self.within_retries && CallContext::current_attempt().is_some()
    }
}

// By hand, because knobs are shared whatever the sequence of waits is.
impl<C: Clone, B> Clone for Settings<C, B> {
    fn clone(&self) -> Self {
        self.refit(self.classifier.clone(), Arc::clone(&self.knobs))
    }
}

impl<C, B: BackoffBuilder + Clone> Settings<C, B> {
    /// Takes note of how an attempt ended, and says after what wait to make the next, if any.
    ///
    /// `idempotency` is the backend's word about the request, or `None` if there is no copy of it to send. `now` is
    /// asked only if it has to be: not for calls that succeed at once.
    pub(super) fn conclude(
        &self,
        course: &mut Course<B::Backoff>,
        outcome: Outcome,
        idempotency: impl FnOnce() -> Option<Idempotency>,
        now: impl Fn() -> Instant,
    ) -> Option<Duration> {
        if self.identity.is_observed() {
            let elapsed = course.elapsed_of_attempt(&now);
            let attempted = Event::Attempted { attempt: course.attempt, outcome, elapsed };
            self.identity.tell(STRATEGY, &attempted);
        }
        let contexts = CallContext::current_budget();
        let budget = contexts.as_ref().or(self.budget.as_ref()).filter(|_| !course.nested);
        if let Some(budget) = budget {
            self.account(budget, course, outcome, &now);
        }
        match outcome {
            Outcome::Success => None,
            Outcome::Failure(failure) => self.retry(course, failure, idempotency, budget, now()),
        }
    }

    #[cold]
    fn retry(
        &self,
        course: &mut Course<B::Backoff>,
        failure: Failure,
        idempotency: impl FnOnce() -> Option<Idempotency>,
        budget: Option<&SharedRetryBudget>,
        now: Instant,
    ) -> Option<Duration> {
        if course.nested || !failure.kind.is_retryable() || !self.allows_after(course.attempt) {
            return None;
        }
        let context = CallContext::current();
        if !self.may_repeat(failure, context.idempotency_class(), idempotency()?) {
            return None;
        }
        let delay = self.wait(course, failure.kind)?;
        if context.remaining(now).is_some_and(|left| delay >= left) {
            return None;
        }
        let mut left = None;
        if let Some(budget) = budget {
            let cost = Cost::after(failure.kind);
            let (paid, balance) = budget.with(|budget| (cost.pay(budget, now), budget.balance(now)));
            if !paid {
                self.identity.tell(STRATEGY, &Event::BudgetExhausted { balance });
                return None;
            }
            course.retries(|| self.knobs.waits()).paid = Some(Paid::new(budget.clone(), cost));
            left = Some(balance);
        }
        let retried = Event::Retried { attempt: course.attempt, kind: failure.kind, delay, balance: left };
        self.identity.tell(STRATEGY, &retried);
        course.executed |= failure.may_have_executed;
        Some(delay)
    }

    fn may_repeat(&self, failure: Failure, caller: Idempotency, backend: Idempotency) -> bool {
        is_idempotent(caller, backend, self.unspecified) || !failure.may_have_executed
    }

    fn wait(&self, course: &mut Course<B::Backoff>, kind: FailureKind) -> Option<Duration> {
        let (planned, spread) = &mut course.retries(|| self.knobs.waits()).waits;
        let planned = planned.next()?;
        let wait = spread.next(planned, &mut self.rng.lock().unwrap_or_else(PoisonError::into_inner));
        if let FailureKind::Overloaded { retry_after: Some(asked) } = kind {
            // Never earlier than asked; and a backend that asks for nothing is still not hit at once.
            return Some(asked.min(self.knobs.max_retry_after()).max(wait));
        }
        Some(wait)
    }

    /// Settles what an attempt means for the budget. A refusal never reached the backend and means nothing.
    fn account(
        &self,
        budget: &SharedRetryBudget,
        course: &mut Course<B::Backoff>,
        outcome: Outcome,
        now: impl Fn() -> Instant,
    ) {
        let kind = outcome.failure_kind();
        if course.attempt == 1 {
            match kind {
                None => budget.record_success(self.slack(course, &now), now),
                Some(FailureKind::Refused | FailureKind::Cancelled) => {}
                Some(_) => budget.with(|budget| budget.record_first_try(false, now())),
            }
        } else {
            match (course.take_paid(), kind) {
                (Some(paid), None) => paid.reward(self.slack(course, &now), now()),
                (Some(paid), Some(FailureKind::Refused)) => paid.refund(now()),
                _ => {}
            }
        }
    }

    /// How much of its time the attempt had left that has just been answered.
    fn slack(&self, course: &Course<B::Backoff>, now: impl Fn() -> Instant) -> Slack {
        let limit = self.attempt_timeout.as_ref().and_then(TimeLimitHandle::limit);
        limit.map_or(Slack::FULL, |limit| Slack::after(course.elapsed_of_attempt(now), limit))
    }
}
