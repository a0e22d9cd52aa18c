use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seawall_core::{
    CallContext, Classify, Epoch, Event, FailureKind, Outcome, Refusal, SharedRetryBudget, Slack,
};

use super::STRATEGY;
use super::target::Target;
use crate::clock::now;
use crate::{TimeLimitHandle, retry};

/// Lets first attempts past the layers of one target while none of them would hold them back: the circuit flows; hedge,
/// concurrency limit and rate limit are off; nobody retries around them. Made by
/// [`Pipeline::fast_path`](super::Pipeline::fast_path), for backends that answer in microseconds: there, to pass a request
/// through eight services and their futures takes longer than what the services do.
///
/// What an attempt comes to is counted and told as the layers count and tell it. A failed one goes on in
/// [`PipelineService::resume`](super::PipelineService::resume), which retries it as if it had come through the layers.
pub struct FastPath<C> {
    target: Arc<Target<C>>,
    deadline: TimeLimitHandle,
    attempt_timeout: TimeLimitHandle,
}

impl<C> FastPath<C> {
    pub(super) fn new(target: Arc<Target<C>>) -> Self {
        let deadline = target.deadline.handle();
        let attempt_timeout = target.attempt_timeout.handle();
        Self { target, deadline, attempt_timeout }
    }

    /// Leave to make a first attempt, or `None` if a layer has a say in it: call the service then.
    #[inline]
    pub fn enter(&self) -> Option<Passage<'_, C>> {
        let target = &*self.target;
        let epoch = target.breaker.gate().flowing()?;
        let is_held_back = target.limits_concurrency.is_on()
            || target.limits_rate.is_on()
            || target.limiter.is_paused()
            || target.hedges.is_on();
        let is_nested = CallContext::current_attempt().is_some() || CallContext::current_budget().is_some();
        if is_held_back || is_nested {
            return None;
        }
        let began = now();
        let call_until = self.deadline.until(|| began);
        let own = if CallContext::is_unhurried() { None } else { self.attempt_timeout.limit() };
        let until = own.and_then(|limit| began.checked_add(limit));
        let until = match (until, call_until) {
            (Some(own), Some(calls)) => Some(own.min(calls)),
            (own, calls) => own.or(calls),
        };
        // To be refused, as one that came too late.
        if until.is_some_and(|until| until <= began) {
            return None;
        }
        Some(Passage { path: self, epoch, began, until, call_until, attempt_limit: own, done: false })
    }
}

impl<C> fmt::Debug for FastPath<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastPath").field("target", &self.target.identity.target()).finish_non_exhaustive()
    }
}

/// A first attempt under way past the layers. Dropped before it [ended](Self::ended), it was given up by its caller.
pub struct Passage<'a, C> {
    path: &'a FastPath<C>,
    epoch: Epoch,
    began: Instant,
    until: Option<Instant>,
    call_until: Option<Instant>,
    attempt_limit: Option<Duration>,
    done: bool,
}

/// A first attempt that has failed past the layers.
#[derive(Clone, Copy, Debug)]
pub struct FailedPassage {
    pub(super) began: Instant,
}

impl<C> Passage<'_, C> {
    /// When it began.
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// Until when the attempt may take, if anything limits it: whoever makes it sees to that.
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Says that its time is over, and makes the error of that, which is its result then.
    #[cold]
    pub fn ran_out(&self) -> Refusal {
        self.path.attempt_timeout.ran_out(now().saturating_duration_since(self.began))
    }

    /// Takes the result. `None` if it is that of the call too; otherwise the call goes on.
    #[inline]
    pub fn ended<R, E>(self, result: Result<&R, &E>) -> Option<FailedPassage>
    where
        C: Classify<R, E>,
    {
        self.ended_at(result, now())
    }

    /// The same for who has looked at the clock already.
    #[inline]
    pub fn ended_at<R, E>(mut self, result: Result<&R, &E>, now: Instant) -> Option<FailedPassage>
    where
        C: Classify<R, E>,
    {
        self.done = true;
        let target = &*self.path.target;
        let outcome = target.classifier.classify(result);
        self.tell_breaker(outcome, now);
        if outcome.failure_kind().is_some() {
            return Some(FailedPassage { began: self.began });
        }
        let elapsed = now.saturating_duration_since(self.began);
        target.identity.tell(retry::STRATEGY, &Event::Attempted { attempt: 1, outcome, elapsed });
        let slack = self.attempt_limit.map_or(Slack::FULL, |limit| Slack::after(elapsed, limit));
        SharedRetryBudget::record_success(&target.budget, slack, || now);
        target.identity.tell(STRATEGY, &Event::Completed { outcome, elapsed });
        None
    }

    fn tell_breaker(&self, outcome: Outcome, now: Instant) {
        let breaker = &self.path.target.breaker;
        let began = breaker.heeds_slowness().then_some(self.began);
        if began.is_some() || !breaker.is_unmoved_by(self.epoch, outcome) {
            breaker.exit_flowing(self.epoch, began, outcome, now);
        }
    }
}

impl<C> Drop for Passage<'_, C> {
    /// As the layers do: it is told of as abandoned, and counts as a time-out if the call's time was over.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let (now, target) = (now(), &*self.path.target);
        let elapsed = now.saturating_duration_since(self.began);
        target.breaker.abandoned(elapsed);
        if self.call_until.is_some_and(|until| until <= now) {
            self.tell_breaker(Outcome::failure(FailureKind::Timeout), now);
        }
        target.identity.tell(STRATEGY, &Event::Abandoned { elapsed });
    }
}

impl<C> fmt::Debug for Passage<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage")
            .field("began", &self.began)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
