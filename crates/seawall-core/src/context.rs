use std::cell::RefCell;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use serde::{Deserialize, Serialize};

use crate::{Priority, SharedRetryBudget};

/// Whether making a call twice does the same as making it once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// Nobody said; the backend's own rule decides (a GET is, a POST is not).
    #[default]
    Unspecified,
    /// It may be made again freely.
    Idempotent,
    /// It must not be made again once it may have been executed.
    NotIdempotent,
}

/// What a call carries through every layer, client and task it passes: until when, how important, which attempt,
/// whether it may be repeated, and from which budget retries are paid.
///
/// It travels with the future that runs in its [`scope`](Self::scope): anything polled inside sees it as
/// [`current`](Self::current). Work spawned by Seawall inherits it; a task you spawn yourself does when you give it
/// `CallContext::current().scope(task)`.
///
/// Every Seawall wait (queue, pool, back-off, attempt) is cut to the deadline.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::{CallContext, Priority};
///
/// let now = Instant::now();
/// let context = CallContext::default().priority(Priority::High).within(Duration::from_secs(2), now);
/// context.clone().enter(|| {
///     let inner = CallContext::current();
///     assert_eq!(inner.remaining(now), Some(Duration::from_secs(2)));
///     // A callee can only shorten the time, never lengthen it.
///     assert_eq!(inner.within(Duration::from_secs(9), now).remaining(now), Some(Duration::from_secs(2)));
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    deadline: Option<Instant>,
    priority: Priority,
    attempt: Option<NonZeroU32>,
    idempotency: Idempotency,
    budget: Option<SharedRetryBudget>,
}

thread_local! {
    // Set while a scoped future is polled, and only then: what travels is the future, not the thread.
    static CURRENT: RefCell<Option<CallContext>> = const { RefCell::new(None) };
}

impl CallContext {
    /// The context of the innermost [`scope`](Self::scope) being polled, or the default outside of any.
    pub fn current() -> Self {
        CURRENT.with_borrow(|current| current.clone().unwrap_or_default())
    }

    /// The current deadline without cloning the rest; what every wait asks.
    pub fn current_deadline() -> Option<Instant> {
        CURRENT.with_borrow(|current| current.as_ref().and_then(|context| context.deadline))
    }

    /// Runs a future with this context as the [`current`](Self::current) one.
    ///
    /// Cancel safe if `future` is: the wrapper holds nothing of its own.
    pub fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped { future, context: Some(self) }
    }

    /// Makes a future and runs it, both with this context as the [`current`](Self::current) one: for a tower service,
    /// which may look at the context in `call` already.
    pub fn scope_with<F: Future>(self, make: impl FnOnce() -> F) -> Scoped<F> {
        let mut slot = Some(self);
        let future = {
            let _restore = Swap::new(&mut slot);
            make()
        };
        Scoped { future, context: slot }
    }

    /// Runs a closure with this context as the [`current`](Self::current) one.
    pub fn enter<T>(self, run: impl FnOnce() -> T) -> T {
        let mut slot = Some(self);
        let _restore = Swap::new(&mut slot);
        run()
    }

    /// Brings the deadline forward to `deadline`; a later one than is set changes nothing.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        self
    }

    /// Brings the deadline forward to `time` from `now`.
    pub fn within(self, time: Duration, now: Instant) -> Self {
        // A time beyond what the clock can hold is no deadline.
        match now.checked_add(time) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// Sets the priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Says which attempt this is, from 1; a retry layer does.
    pub fn attempt(mut self, attempt: NonZeroU32) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// Says whether the call may be repeated, over the backend's own rule.
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// Sets the budget that retries and hedges of this call are paid from.
    pub fn budget(mut self, budget: SharedRetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Until when the call makes sense, if anybody said.
    pub fn deadline_at(&self) -> Option<Instant> {
        self.deadline
    }

    /// The time left at `now`: zero once the deadline has passed, `None` without one.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(now))
    }

    /// How important the call is.
    pub fn priority_class(&self) -> Priority {
        self.priority
    }

    /// Which attempt this is, from 1.
    pub fn attempt_number(&self) -> u32 {
        self.attempt.map_or(1, NonZeroU32::get)
    }

    /// Whether the call may be repeated, as far as anybody said.
    pub fn idempotency_class(&self) -> Idempotency {
        self.idempotency
    }

    /// The budget of the call, if it has one of its own.
    pub fn retry_budget(&self) -> Option<&SharedRetryBudget> {
        self.budget.as_ref()
    }
}

pin_project! {
    /// The future made by [`CallContext::scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Scoped<F> {
        #[pin]
        future: F,
        context: Option<CallContext>,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _restore = Swap::new(this.context);
        this.future.poll(cx)
    }
}

/// Swaps a context in, and back out when dropped, so that a panic restores it too.
struct Swap<'a>(&'a mut Option<CallContext>);

impl<'a> Swap<'a> {
    fn new(slot: &'a mut Option<CallContext>) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, slot));
        Self(slot)
    }
}

impl Drop for Swap<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}
