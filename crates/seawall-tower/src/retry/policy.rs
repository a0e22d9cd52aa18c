use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use seawall_core::{
    ByKind, CallContext, Event, Failure, FailureKind, Idempotency, InvalidConfig, Jitter, Outcome,
    RetryBudget, RetryBudgetConfig, SharedRetryBudget, Spread,
};

use super::course::{Course, Paid};
use super::{RetryConfig, STRATEGY};
use crate::Identity;
use crate::clock::now;
use crate::replay::is_idempotent;

/// When a call is made again: what [`Retry`](super::Retry) follows. It is a [`tower::retry::Policy`] too, for stock
/// `tower::retry::Retry`, where attempts do not see their number.
///
/// Clones share budget and chance, and start a call of their own.
pub struct RetryPolicy<C = ByKind, B: BackoffBuilder = ExponentialBuilder> {
    pub(super) settings: Arc<Settings<C, B>>,
    // Only used as tower's policy, which carries its call along.
    pub(super) course: Course<B::Backoff>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings<C, B> {
    pub(super) config: RetryConfig,
    pub(super) classifier: C,
    backoff: B,
    budget: Option<SharedRetryBudget>,
    unspecified: Idempotency,
    identity: Identity,
    rng: Arc<Mutex<fastrand::Rng>>,
}

impl RetryPolicy {
    /// A policy with a budget of its own ([`RetryBudgetConfig::default`]), judging by [`ByKind`].
    ///
    /// # Errors
    /// What [`RetryConfig::validate`] says.
    pub fn new(config: &RetryConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let budget = RetryBudget::new(RetryBudgetConfig::default(), now())?;
        Ok(Self::of(Settings {
            config: config.clone(),
            classifier: ByKind,
            backoff: config.backoff(),
            budget: Some(SharedRetryBudget::new(budget)),
            unspecified: Idempotency::NotIdempotent,
            identity: Identity::default(),
            rng: Arc::new(Mutex::new(fastrand::Rng::new())),
        }))
    }
}

impl<C: Clone, B: BackoffBuilder + Clone> RetryPolicy<C, B> {
    /// Says how results are judged and requests repeated: by something that is
    /// [`Classify`](seawall_core::Classify) and [`Replay`](crate::Replay).
    pub fn classifier<D>(self, classifier: D) -> RetryPolicy<D, B> {
        let Settings { config, backoff, budget, unspecified, identity, rng, .. } = (*self.settings).clone();
        RetryPolicy::of(Settings { config, classifier, backoff, budget, unspecified, identity, rng })
    }

    /// Waits by another sequence, as it is: with jitter only if it has its own. When it ends, so do the retries.
    pub fn backoff<K: BackoffBuilder>(self, backoff: K) -> RetryPolicy<C, K> {
        let Settings { config, classifier, budget, unspecified, identity, rng, .. } =
            (*self.settings).clone();
        let config = RetryConfig { jitter: Jitter::None, max_delay: Duration::MAX, ..config };
        RetryPolicy::of(Settings { config, classifier, backoff, budget, unspecified, identity, rng })
    }

    /// Pays from this budget, unless the call's context brings its own.
    pub fn budget(self, budget: SharedRetryBudget) -> Self {
        self.change(|settings| settings.budget = Some(budget))
    }

    /// Retries without a budget: when nothing works, every call costs all its attempts.
    pub fn without_budget(self) -> Self {
        self.change(|settings| settings.budget = None)
    }

    /// Says what a call is of which neither its context nor the backend says whether it may be repeated.
    /// [`Idempotency::NotIdempotent`] until then.
    pub fn unspecified_is(self, idempotency: Idempotency) -> Self {
        self.change(|settings| settings.unspecified = idempotency)
    }

    /// Says what the layer is called and who is told.
    pub fn identity(self, identity: Identity) -> Self {
        self.change(|settings| settings.identity = identity)
    }

    /// Takes chance from a seed, so that a simulation can be repeated.
    pub fn seed(self, seed: u64) -> Self {
        self.change(|settings| settings.rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    fn change(mut self, change: impl FnOnce(&mut Settings<C, B>)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<C, B: BackoffBuilder> RetryPolicy<C, B> {
    fn of(settings: Settings<C, B>) -> Self {
        Self { settings: Arc::new(settings), course: Course::new() }
    }
}

// By hand: a clone starts a call of its own.
impl<C, B: BackoffBuilder> Clone for RetryPolicy<C, B> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), course: Course::new() }
    }
}

impl<C, B: BackoffBuilder> fmt::Debug for RetryPolicy<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { config, identity, unspecified, .. } = &*self.settings;
        f.debug_struct("RetryPolicy")
            .field("config", config)
            .field("identity", identity)
            .field("unspecified", unspecified)
            .finish_non_exhaustive()
    }
}

impl<C, B: BackoffBuilder + Clone> Settings<C, B> {
    /// Whether another attempt could follow the one under way, so that its request is worth keeping.
    pub(super) const fn allows_after(&self, attempt: u32) -> bool {
        attempt < self.config.max_attempts.get()
    }

    /// Takes note of how an attempt ended, and says after what wait to make the next, if any.
    ///
    /// `idempotency` is the backend's word about the request, or `None` if there is no copy of it to send.
    pub(super) fn conclude(
        &self,
        course: &mut Course<B::Backoff>,
        outcome: Outcome,
        idempotency: impl FnOnce() -> Option<Idempotency>,
    ) -> Option<Duration> {
        let context = CallContext::current();
        let budget = context.retry_budget().or(self.budget.as_ref());
        if outcome == Outcome::Success && budget.is_none() && !self.identity.is_observed() {
            return None;
        }
        let now = now();
        self.tell_attempt(course, outcome, now);
        if let Some(budget) = budget {
            account(budget, course, outcome, now);
        }
        let Outcome::Failure(failure) = outcome else { return None };
        if !failure.kind.is_retryable() || !self.allows_after(course.attempt) {
            return None;
        }
        if !self.may_repeat(failure, context.idempotency_class(), idempotency()?) {
            return None;
        }
        let delay = self.wait(course, failure.kind)?;
        if context.remaining(now).is_some_and(|left| delay >= left) {
            return None;
        }
        let mut left = None;
        if let Some(budget) = budget {
            let (paid, balance) = budget.with(|budget| (budget.withdraw(now), budget.balance(now)));
            if !paid {
                self.identity.tell(STRATEGY, &Event::BudgetExhausted { balance });
                return None;
            }
            course.paid = Some(Paid::new(budget.clone()));
            left = Some(balance);
        }
        let retried = Event::Retried { attempt: course.attempt, kind: failure.kind, delay, balance: left };
        self.identity.tell(STRATEGY, &retried);
        Some(delay)
    }

    fn may_repeat(&self, failure: Failure, caller: Idempotency, backend: Idempotency) -> bool {
        is_idempotent(caller, backend, self.unspecified) || !failure.may_have_executed
    }

    fn wait(&self, course: &mut Course<B::Backoff>, kind: FailureKind) -> Option<Duration> {
        let (planned, spread) = course.waits.get_or_insert_with(|| {
            (self.backoff.clone().build(), Spread::new(self.config.jitter, self.config.max_delay))
        });
        let planned = planned.next()?;
        if let FailureKind::Overloaded { retry_after: Some(asked) } = kind {
            return Some(asked.min(self.config.max_retry_after));
        }
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        Some(spread.next(planned, &mut rng))
    }

    fn tell_attempt(&self, course: &Course<B::Backoff>, outcome: Outcome, now: Instant) {
        if self.identity.is_observed() {
            let elapsed = match course.resent {
                Some(resent) => now.saturating_duration_since(resent),
                None => course.watch.elapsed(now),
            };
            let attempted = Event::Attempted { attempt: course.attempt, outcome, elapsed };
            self.identity.tell(STRATEGY, &attempted);
        }
    }
}

/// Settles what an attempt means for the budget. A refusal never reached the backend, and means nothing.
fn account<W>(budget: &SharedRetryBudget, course: &mut Course<W>, outcome: Outcome, now: Instant) {
    let kind = outcome.failure_kind();
    if course.attempt > 1 {
        match (course.paid.take(), kind) {
            (Some(paid), None) => paid.reward(now),
            (Some(paid), Some(FailureKind::Refused)) => paid.refund(now),
            _ => {}
        }
    } else if !matches!(kind, Some(FailureKind::Refused | FailureKind::Cancelled)) {
        budget.with(|budget| budget.record_first_try(kind.is_none(), now));
    }
}
