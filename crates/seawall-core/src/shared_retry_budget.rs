use std::time::Instant;

use super::sync::{Arc, AtomicU32, Mutex, MutexGuard, Ordering, PoisonError};
use super::{InvalidConfig, RetryBudget, RetryBudgetConfig, Slack};

// So many successes are gathered at the most before the budget is told.
const LARGEST_BATCH: u32 = 64;

/// A [`RetryBudget`] that everybody who retries against one backend shares. Clones pay from the same budget.
///
/// Calls that succeed quickly are nearly all calls, so they are only counted, without lock and clock, and the budget
/// is told of them in batches: whenever anybody else asks it anything, and else after so many that it takes a tenth of
/// a bucket of its window or less. Where calls are few, it is told of each. A batch counts as from when the budget was
/// last told, so that the budget can only be stricter for it: by one batch, when calls have become so few that the batch
/// outlasts the window.
#[derive(Clone, Debug)]
pub struct SharedRetryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    // First tries that succeeded and that the budget has not been told of.
    gathered: AtomicU32,
    // How many of them are a batch.
    batch: AtomicU32,
    budget: Mutex<RetryBudget>,
}

impl SharedRetryBudget {
    /// Shares a budget.
    pub fn new(budget: RetryBudget) -> Self {
        let (gathered, batch) = (AtomicU32::new(0), AtomicU32::new(1));
        Self(Arc::new(Shared { gathered, batch, budget: Mutex::new(budget) }))
    }

    /// Runs with the budget locked: keep it short.
    pub fn with<T>(&self, run: impl FnOnce(&mut RetryBudget) -> T) -> T {
        let mut budget = self.lock();
        self.settle(&mut budget);
        run(&mut budget)
    }

    /// Takes note of a first try that succeeded, as [`RetryBudget::record_success`] does. Asks for the time only
    /// when it was slow, or a batch is full.
    #[inline]
    pub fn record_success(&self, slack: Slack, now: impl FnOnce() -> Instant) {
        if !slack.is_full() {
            return self.with(|budget| budget.record_success(slack, now()));
        }
        // Nothing but the number itself is read by others, so no order is asked for.
        let gathered = self.0.gathered.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if gathered >= self.0.batch.load(Ordering::Relaxed) {
            self.settle_batch(now());
        }
    }

    /// Puts another configuration in force, and keeps the window and what the new cap allows of the balance.
    ///
    /// # Errors
    /// What [`RetryBudgetConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &RetryBudgetConfig, now: Instant) -> Result<(), InvalidConfig> {
        self.with(|budget| budget.reconfigure(config.clone(), now))
    }

    #[cold]
    fn settle_batch(&self, now: Instant) {
        let mut budget = self.lock();
        let told = budget.told_at();
        // This one has just happened; the others have since the budget was last told.
        let gathered = self.0.gathered.swap(0, Ordering::Relaxed);
        if gathered == 0 {
            return; // Somebody else was faster.
        }
        budget.record_successes(gathered - 1, told);
        budget.record_successes(1, now);
        let batch = self.0.batch.load(Ordering::Relaxed);
        let small = now.saturating_duration_since(told) <= budget.config().window / 100;
        let next = if small { (batch * 2).min(LARGEST_BATCH) } else { 1 };
        self.0.batch.store(next, Ordering::Relaxed);
    }

    /// Tells the budget of what was gathered since it was last told.
    fn settle(&self, budget: &mut RetryBudget) {
        // Looked at first: when nothing works there is nothing, and a load costs less than a swap.
        if self.0.gathered.load(Ordering::Relaxed) > 0 {
            let gathered = self.0.gathered.swap(0, Ordering::Relaxed);
            let told = budget.told_at();
            budget.record_successes(gathered, told);
        }
    }

    fn lock(&self) -> MutexGuard<'_, RetryBudget> {
        // A panic while it was locked left a budget that is still a budget.
        self.0.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
