//! Retries with a budget, when the first try succeeds.

use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;

use seawall_tower::{RetryConfig, RetryLayer, RetryPolicy};
use tower::Layer;
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, RetryLayer as TowerRetryLayer};
use tower_resilience_retry as resilience;

use crate::backend::Backend;
use crate::subject::Subject;

pub(crate) fn subjects(backend: Backend) -> Vec<Subject> {
    let policy = RetryPolicy::new(&RetryConfig::default()).expect("the config is valid");
    let budget = resilience::RetryBudgetBuilder::new().token_bucket().build().expect("the budget is valid");
    let resilience =
        resilience::RetryLayer::<u64, u64, io::Error>::exponential_backoff().budget(budget).build();
    vec![
        Subject::service("seawall", RetryLayer::new(policy.clone()).layer(backend.ours())),
        Subject::service(
            "seawall, no budget",
            RetryLayer::new(policy.without_budget()).layer(backend.ours()),
        ),
        Subject::service(
            "tower, TpsBudget",
            TowerRetryLayer::new(Thrice::budgeted()).layer(backend.theirs()),
        ),
        Subject::service("tower, no budget", TowerRetryLayer::new(Thrice::default()).layer(backend.theirs())),
        Subject::service("tower-resilience", resilience.layer(backend.theirs())),
    ]
}

/// Tower leaves the policy to its users; this is the one of its documentation, with a budget.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thrice {
    retries: u32,
    budget: Option<Arc<TpsBudget>>,
}

impl Thrice {
    pub(crate) fn budgeted() -> Self {
        Self { retries: 0, budget: Some(Arc::default()) }
    }
}

impl<E> Policy<u64, u64, E> for Thrice {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, E>) -> Option<Ready<()>> {
        if result.is_ok() {
            if let Some(budget) = &self.budget {
                budget.deposit();
            }
            return None;
        }
        self.retries += 1;
        let paid = self.budget.as_ref().is_none_or(|budget| budget.withdraw());
        (self.retries < 3 && paid).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}
