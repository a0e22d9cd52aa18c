use std::cell::{Cell, RefCell};
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
    plain: Plain,
    budget: Option<SharedRetryBudget>,
}

/// All of a context that is copied, so that what every call asks costs no more than a few loads.
#[derive(Clone, Copy, Debug, Default)]
struct Plain {
    deadline: Option<Instant>,
    attempt: Option<NonZeroU32>,
    priority: Priority,
    idempotency: Idempotency,
    // Only in `CURRENT`: whether there is something in `BUDGET`.
    budgeted: bool,
}

thread_local! {
    // Set while a scoped future is polled, and only then: what travels is the future, not the thread.
    static CURRENT: Cell<Plain> = const {
        Cell::new(Plain {
            deadline: None,
            attempt: None,
            priority: Priority::Normal,
            idempotency: Idempotency::Unspecified,
            budgeted: false,
        })
    };
    static BUDGET: RefCell<Option<SharedRetryBudget>> = const { RefCell::new(None) };
}

impl CallContext {
    /// The context of the innermost [`scope`](Self::scope) being polled, or the default outside of any.
    pub fn current() -> Self {
        Self { plain: Plain { budgeted: false, ..CURRENT.get() }, budget: Self::current_budget() }
    }

    /// The current deadline without the rest; what every wait asks.
    pub fn current_deadline() -> Option<Instant> {
        CURRENT.get().deadline
    }

    /// Which attempt of a retry the current call belongs to, from 1; `None` outside of any retry.
    pub fn current_attempt() -> Option<NonZeroU32> {
        CURRENT.get().attempt
    }

    /// The budget of the current call, if it has one of its own. Costs next to nothing if it has none.
    pub fn current_budget() -> Option<SharedRetryBudget> {
        if CURRENT.get().budgeted { BUDGET.with_borrow(Clone::clone) } else { None }
    }

    /// Makes a future and runs it, both in the current context with its deadline brought forward to `deadline`.
    ///
    /// Cheaper than [`scope_with`](Self::scope_with): the rest of the context is the one the future is polled in.
    pub fn scope_deadline<F: Future>(deadline: Instant, make: impl FnOnce() -> F) -> Narrowed<F> {
        Narrowed::new(Narrow { deadline: Some(deadline), attempt: None }, make)
    }

    /// Makes a future and runs it, both in the current context as an attempt of a retry: number `attempt`, or with
    /// `None` the one they belong to already.
    ///
    /// Cheaper than [`scope_with`](Self::scope_with): the rest of the context is the one the future is polled in.
    pub fn scope_attempt<F: Future>(attempt: Option<NonZeroU32>, make: impl FnOnce() -> F) -> Narrowed<F> {
        Narrowed::new(Narrow { deadline: None, attempt }, make)
    }

    /// Runs a future with this context as the [`current`](Self::current) one.
    ///
    /// Cancel safe if `future` is: the wrapper holds nothing of its own.
    pub fn scope<F: Future>(self, future: F) -> Scoped<F> {
        Scoped { future, context: self }
    }

    /// Makes a future and runs it, both with this context as the [`current`](Self::current) one: for a tower service,
    /// which may look at the context in `call` already.
    pub fn scope_with<F: Future>(mut self, make: impl FnOnce() -> F) -> Scoped<F> {
        let future = {
            let _restore = Swap::new(&mut self);
            make()
        };
        Scoped { future, context: self }
    }

    /// Runs a closure with this context as the [`current`](Self::current) one.
    pub fn enter<T>(mut self, run: impl FnOnce() -> T) -> T {
        let _restore = Swap::new(&mut self);
        run()
    }

    /// Brings the deadline forward to `deadline`; a later one than is set changes nothing.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.plain.deadline = Some(self.plain.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
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

    /// Takes the deadline away: for work that others wait for too, who may have longer than this caller.
    pub fn without_deadline(mut self) -> Self {
        self.plain.deadline = None;
        self
    }

    /// Sets the priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.plain.priority = priority;
        self
    }

    /// Says which attempt this is, from 1; a retry layer does.
    pub fn attempt(mut self, attempt: NonZeroU32) -> Self {
        self.plain.attempt = Some(attempt);
        self
    }

    /// Says whether the call may be repeated, over the backend's own rule.
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.plain.idempotency = idempotency;
        self
    }

    /// Sets the budget that retries and hedges of this call are paid from.
    pub fn budget(mut self, budget: SharedRetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Until when the call makes sense, if anybody said.
    pub fn deadline_at(&self) -> Option<Instant> {
        self.plain.deadline
    }

    /// The time left at `now`: zero once the deadline has passed, `None` without one.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.plain.deadline.map(|deadline| deadline.saturating_duration_since(now))
    }

    /// How important the call is.
    pub fn priority_class(&self) -> Priority {
        self.plain.priority
    }

    /// Which attempt this is, from 1.
    pub fn attempt_number(&self) -> u32 {
        self.plain.attempt.map_or(1, NonZeroU32::get)
    }

    /// Whether the call may be repeated, as far as anybody said.
    pub fn idempotency_class(&self) -> Idempotency {
        self.plain.idempotency
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
        context: CallContext,
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
struct Swap<'a>(&'a mut CallContext);

impl<'a> Swap<'a> {
    fn new(context: &'a mut CallContext) -> Self {
        swap(context);
        Self(context)
    }
}

impl Drop for Swap<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

fn swap(context: &mut CallContext) {
    let theirs = Plain { budgeted: context.budget.is_some(), ..context.plain };
    context.plain = CURRENT.replace(theirs);
    if theirs.budgeted || context.plain.budgeted {
        BUDGET.with_borrow_mut(|budget| std::mem::swap(budget, &mut context.budget));
    }
}

pin_project! {
    /// The future made by [`CallContext::scope_deadline`] and [`CallContext::scope_attempt`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Narrowed<F> {
        #[pin]
        future: F,
        narrow: Narrow,
    }
}

impl<F: Future> Narrowed<F> {
    fn new(narrow: Narrow, make: impl FnOnce() -> F) -> Self {
        let _restore = narrow.enter();
        Self { future: make(), narrow }
    }
}

impl<F> Narrowed<F> {
    /// The future within.
    pub const fn get_ref(&self) -> &F {
        &self.future
    }
}

impl<F: Future> Future for Narrowed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _restore = this.narrow.enter();
        this.future.poll(cx)
    }
}

/// What is laid over the context that a future is polled in.
#[derive(Clone, Copy, Debug)]
struct Narrow {
    deadline: Option<Instant>,
    attempt: Option<NonZeroU32>,
}

impl Narrow {
    fn enter(self) -> Restore {
        let outside = CURRENT.get();
        let deadline = self.deadline.into_iter().chain(outside.deadline).min();
        CURRENT.set(Plain { deadline, attempt: self.attempt.or(outside.attempt), ..outside });
        Restore(outside)
    }
}

/// Puts back what was there, when dropped, so that a panic restores it too.
struct Restore(Plain);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}
