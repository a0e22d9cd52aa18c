use std::time::Instant;

use seawall_core::{FailureKind, RetryBudget, SharedRetryBudget, Slack};

use crate::clock::now;

/// How a retry is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// It gets its cost back by its own success.
    Withdrawn,
    /// It gets its cost back by anybody's.
    Borrowed,
}

impl Cost {
    /// What a retry costs after such a failure: whether that may have come of the backend's load decides.
    pub(super) const fn after(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Timeout | FailureKind::Overloaded { .. } => Self::Withdrawn,
            _ => Self::Borrowed,
        }
    }

    pub(super) fn pay(self, budget: &mut RetryBudget, now: Instant) -> bool {
        match self {
            Self::Withdrawn => budget.withdraw(now),
            Self::Borrowed => budget.borrow(now),
        }
    }
}

/// A retry's payment. It goes back to the budget if the retry is dropped before it is sent.
#[derive(Debug)]
pub(super) struct Paid {
    budget: SharedRetryBudget,
    cost: Cost,
    sent: bool,
}

impl Paid {
    pub(super) const fn new(budget: SharedRetryBudget, cost: Cost) -> Self {
        Self { budget, cost, sent: false }
    }

    /// The retry is on its way: what it cost is spent.
    pub(super) const fn sent(&mut self) {
        self.sent = true;
    }

    /// The retry succeeded.
    pub(super) fn reward(mut self, slack: Slack, now: Instant) {
        self.sent = true;
        self.budget.with(|budget| match self.cost {
            Cost::Withdrawn => budget.reward(slack, now),
            Cost::Borrowed => budget.repay(slack, now),
        });
    }

    /// The retry never reached the backend.
    pub(super) fn refund(mut self, now: Instant) {
        self.sent = true;
        self.give_back(now);
    }

    fn give_back(&self, now: Instant) {
        self.budget.with(|budget| match self.cost {
            Cost::Withdrawn => budget.refund(now),
            Cost::Borrowed => budget.return_loan(now),
        });
    }
}

impl Drop for Paid {
    fn drop(&mut self) {
        if !self.sent {
            self.give_back(now());
        }
    }
}
