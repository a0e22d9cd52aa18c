use seawall_core::{CallContext, Event, Idempotency, SharedRetryBudget, Slack};

use super::HedgeHandle;
use super::handle::Payment;
use crate::Replay;
use crate::clock::now;
use crate::replay::is_idempotent;

/// What a layer's services and their calls share.
#[derive(Clone, Debug)]
pub(crate) struct Settings<C> {
    pub(crate) handle: HedgeHandle,
    pub(crate) classifier: C,
    pub(crate) unspecified: Idempotency,
    pub(crate) budget: Option<SharedRetryBudget>,
}

impl<C> Settings<C> {
    /// A copy of the request to hedge it with, if it may be sent twice.
    pub(super) fn copy<Req>(&self, request: &Req) -> Option<Req>
    where
        C: Replay<Req>,
    {
        let caller = CallContext::current().idempotency_class();
        let backend = self.classifier.idempotency(request);
        let twice = is_idempotent(caller, backend, self.unspecified);
        if twice { self.classifier.replay(request) } else { None }
    }

    /// Pays for a hedge of a call that has sent so many: from its own budget, and from the one shared with retries.
    pub(super) fn pay(&self, sent: u32) -> Option<Paid> {
        let more = match self.handle.pay(sent) {
            Payment::Paid { more } => more,
            Payment::Enough => return None,
            Payment::Exhausted(balance) => {
                self.handle.tell(&Event::BudgetExhausted { balance });
                return None;
            }
        };
        let mut paid = Paid { handle: self.handle.clone(), budget: None, more, sent: false };
        if let Some(budget) = CallContext::current_budget().or_else(|| self.budget.clone()) {
            let now = now();
            let (enough, balance) = budget.with(|budget| (budget.withdraw(now), budget.balance(now)));
            if !enough {
                self.handle.tell(&Event::BudgetExhausted { balance });
                return None;
            }
            paid.budget = Some(budget);
        }
        Some(paid)
    }
}

/// A hedge's payment. It goes back if the hedge is dropped before it is sent.
#[derive(Debug)]
pub(super) struct Paid {
    handle: HedgeHandle,
    budget: Option<SharedRetryBudget>,
    /// Whether the call may have a further one.
    pub(super) more: bool,
    sent: bool,
}

impl Paid {
    pub(super) fn sent(&mut self) {
        self.sent = true;
    }

    /// Says that the hedge was worth it: the shared budget rewards it as it does a retry. The own budget does not: it
    /// is a promise about load.
    pub(super) fn worth_it(&mut self) {
        if let Some(budget) = self.budget.take() {
            let now = now();
            budget.with(|budget| budget.reward(Slack::FULL, now));
        }
    }

    /// Says that the hedge never reached the backend: the shared budget gets its part back. The own one does not.
    pub(super) fn refund(&mut self) {
        if let Some(budget) = self.budget.take() {
            let now = now();
            budget.with(|budget| budget.refund(now));
        }
    }
}

impl Drop for Paid {
    fn drop(&mut self) {
        if !self.sent {
            self.handle.refund();
            self.refund();
        }
    }
}
