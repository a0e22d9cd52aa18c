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

/// All of a context that is copied.
#[derive(Clone, Copy, Debug, Default)]
struct Plain {
    deadline: Option<Instant>,
    attempt: Option<NonZeroU32>,
    priority: Priority,
    idempotency: Idempotency,
    unhurried: bool,
}

// The current context: set while a scoped future is polled, and only then, because what travels is the future, not the
// thread. Each part in a cell of its own, so that what a call does not change or ask for costs it nothing.
thread_local! {
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    static ATTEMPT: Cell<Option<NonZeroU32>> = const { Cell::new(None) };
    static PRIORITY: Cell<Priority> = const { Cell::new(Priority::Normal) };
    static IDEMPOTENCY: Cell<Idempotency> = const { Cell::new(Idempotency::Unspecified) };
    static UNHURRIED: Cell<bool> = const { Cell::new(false) };
    // Whether there is a budget.
    static BUDGETED: Cell<bool> = const { Cell::new(false) };
    static BUDGET: RefCell<Option<SharedRetryBudget>> = const { RefCell::new(None) };
}

impl CallContext {
    /// The context of the innermost [`scope`](Self::scope) being polled, or the default outside of any.
    pub fn current() -> Self {
        let plain = Plain {
            deadline: DEADLINE.get(),
            attempt: ATTEMPT.get(),
            priority: PRIORITY.get(),
            idempotency: IDEMPOTENCY.get(),
            unhurried: UNHURRIED.get(),
        };
        Self { plain, budget: Self::current_budget() }
    }

    /// The current deadline without the rest; what every wait asks.
    #[inline]
    pub fn current_deadline() -> Option<Instant> {
        DEADLINE.get()
    }

    /// The current priority without the rest; what every queue asks.
    #[inline]
    pub fn current_priority() -> Priority {
        PRIORITY.get()
    }

    /// Whether the time limits of layers leave the current call alone; what each of them asks.
    #[inline]
    pub fn is_unhurried() -> bool {
        UNHURRIED.get()
    }

    /// Which attempt of a retry the current call belongs to, from 1; `None` outside of any retry.
    #[inline]
    pub fn current_attempt() -> Option<NonZeroU32> {
        ATTEMPT.get()
    }

    /// The budget of the current call, if it has one of its own. Costs next to nothing if it has none.
    #[inline]
    pub fn current_budget() -> Option<SharedRetryBudget> {
        if BUDGETED.get() { BUDGET.with_borrow(Clone::clone) } else { None }
    }

    /// Makes a future and runs it, both in the current context with its deadline brought forward to `deadline`.
    ///
    /// Cheaper than [`scope_with`](Self::scope_with): the rest of the context is the one the future is polled in.
    #[inline]
    pub fn scope_deadline<F: Future>(deadline: Instant, make: impl FnOnce() -> F) -> Narrowed<F> {
        Narrowed::new(Narrow::Deadline(deadline), make)
    }

    /// Makes a future and runs it, both in the current context as an attempt of a retry: number `attempt`, or with
    /// `None` the one they belong to already.
    ///
    /// Cheaper than [`scope_with`](Self::scope_with): the rest of the context is the one the future is polled in.
    #[inline]
    pub fn scope_attempt<F: Future>(attempt: Option<NonZeroU32>, make: impl FnOnce() -> F) -> Narrowed<F> {
        Narrowed::new(attempt.map_or(Narrow::Nothing, Narrow::Attempt), make)
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

    /// Lets the call take as long as it takes: the time limits that layers have by themselves (deadline, attempt timeout)
    /// leave it alone, and only the deadline of its context holds.
    ///
    /// For a transfer that is as long as its content, which whoever makes it watches for progress: a limit that is right
    /// for other calls to the same target would cut every large one.
    pub fn unhurried(mut self) -> Self {
        self.plain.unhurried = true;
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
    #[inline]
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
    let CallContext { plain, budget } = context;
    plain.deadline = DEADLINE.replace(plain.deadline);
    plain.attempt = ATTEMPT.replace(plain.attempt);
    plain.priority = PRIORITY.replace(plain.priority);
    plain.idempotency = IDEMPOTENCY.replace(plain.idempotency);
    plain.unhurried = UNHURRIED.replace(plain.unhurried);
    let budgeted = budget.is_some();
    if BUDGETED.replace(budgeted) || budgeted {
        BUDGET.with_borrow_mut(|current| std::mem::swap(current, budget));
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
    #[inline]
    fn new(narrow: Narrow, make: impl FnOnce() -> F) -> Self {
        let _restore = narrow.enter();
        Self { future: make(), narrow }
    }
}

impl<F> Narrowed<F> {
    /// The deadline that it was given, if it was.
    pub const fn deadline(&self) -> Option<Instant> {
        match self.narrow {
            Narrow::Deadline(deadline) => Some(deadline),
            Narrow::Attempt(_) | Narrow::Nothing => None,
        }
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
enum Narrow {
    Nothing,
    Deadline(Instant),
    Attempt(NonZeroU32),
}

impl Narrow {
    fn enter(self) -> Restore {
        match self {
            Self::Nothing => Restore::Nothing,
            Self::Deadline(deadline) => {
                let outside = DEADLINE.get();
                DEADLINE.set(Some(outside.map_or(deadline, |earlier| earlier.min(deadline))));
                Restore::Deadline(outside)
            }
            Self::Attempt(attempt) => Restore::Attempt(ATTEMPT.replace(Some(attempt))),
        }
    }
}

/// Puts back what was there, when dropped, so that a panic restores it too.
enum Restore {
    Nothing,
    Deadline(Option<Instant>),
    Attempt(Option<NonZeroU32>),
}

impl Drop for Restore {
    fn drop(&mut self) {
        match *self {
            Self::Nothing => {}
            Self::Deadline(outside) => DEADLINE.set(outside),
            Self::Attempt(outside) => ATTEMPT.set(outside),
        }
    }
}
