use std::time::Duration;

use seawall_core::{
    CallContext, Error, Event, FailureKind, Jitter, SharedRetryBudget, Slack, Spread, exponential,
};
use seawall_tower::Identity;
use tokio::time::Instant;

use super::TransactionBuilder;

const STRATEGY: &str = "sql_transaction";
const BASE: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(250);
/// How often a lost commit is looked for at most where there is no deadline: a minute of longest waits, about.
const LOOKS: u32 = 300;

/// The repeats of one transaction: how many are left, who pays for them, and how long each waits.
pub(super) struct Repeats<'a> {
    left: u32,
    attempt: u32,
    looks: u32,
    spread: Spread,
    budget: Option<SharedRetryBudget>,
    identity: &'a Identity,
    /// Whether the latest repeat was paid for.
    paid: bool,
}

impl<'a> Repeats<'a> {
    pub(super) fn new(builder: &TransactionBuilder<'a>) -> Self {
        // An outer retry makes the whole call again, so this one leaves it to that.
        let nested = CallContext::current_attempt().is_some();
        Self {
            left: if nested { 0 } else { builder.retries },
            attempt: 1,
            looks: 0,
            spread: Spread::new(Jitter::Full, LONGEST),
            budget: CallContext::current_budget().or_else(|| builder.sql.retry_budget()),
            identity: builder.sql.identity(),
            paid: false,
        }
    }

    /// Waits for the next run, if there is to be one.
    pub(super) async fn again(&mut self, kind: FailureKind) -> bool {
        if self.left == 0 {
            return false;
        }
        let Some(delay) = self.delay() else { return false };
        let now = Instant::now().into_std();
        let mut balance = None;
        if let Some(budget) = &self.budget {
            let (paid, left) = budget.with(|budget| (budget.borrow(now), budget.balance(now)));
            if !paid {
                self.identity.tell(STRATEGY, &Event::BudgetExhausted { balance: left });
                return false;
            }
            balance = Some(left);
        }
        self.identity.tell(STRATEGY, &Event::Retried { attempt: self.attempt, kind, delay, balance });
        let unsent = Unsent(self.budget.as_ref());
        tokio::time::sleep(delay).await;
        std::mem::forget(unsent);
        self.paid = true;
        self.left -= 1;
        self.attempt += 1;
        true
    }

    /// Waits until it may be worth asking again what became of a lost commit. That runs nothing, so nobody pays.
    pub(super) async fn may_look_again(&mut self, error: &Error) -> bool {
        if error.kind() == FailureKind::Permanent || self.looks == LOOKS {
            return false;
        }
        let planned = exponential(BASE, 2.0, self.looks, LONGEST);
        let wait = planned / 2 + (planned / 2).mul_f64(fastrand::f64());
        if !in_time(wait) {
            return false;
        }
        tokio::time::sleep(wait).await;
        self.looks += 1;
        true
    }

    /// The transaction was committed.
    pub(super) fn succeeded(self) {
        if let Some(budget) = self.budget.filter(|_| self.paid) {
            let now = Instant::now().into_std();
            budget.with(|budget| budget.repay(Slack::FULL, now));
        }
    }

    /// How long to wait, if the deadline leaves time for it.
    fn delay(&mut self) -> Option<Duration> {
        let planned = exponential(BASE, 2.0, self.attempt - 1, LONGEST);
        let delay = self.spread.next(planned, &mut fastrand::Rng::new());
        in_time(delay).then_some(delay)
    }
}

fn in_time(wait: Duration) -> bool {
    let left = |deadline: std::time::Instant| deadline.saturating_duration_since(Instant::now().into_std());
    CallContext::current_deadline().is_none_or(|deadline| wait < left(deadline))
}

/// A repeat that is paid for and not made. Dropped, it gives back what it cost.
struct Unsent<'b>(Option<&'b SharedRetryBudget>);

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.0 {
            budget.with(|budget| budget.return_loan(Instant::now().into_std()));
        }
    }
}
