use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Configuration of a [`RetryBudget`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryBudgetConfig {}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self {}
    }
}

/// Placeholder to be filled.
#[derive(Debug)]
pub struct RetryBudget {}

impl RetryBudget {
    /// todo
    pub fn new(_config: &RetryBudgetConfig, _now: Instant) -> Self {
        Self {}
    }
}

/// Shared handle.
#[derive(Clone, Debug)]
pub struct SharedRetryBudget(Arc<Mutex<RetryBudget>>);

impl SharedRetryBudget {
    /// todo
    pub fn new(budget: RetryBudget) -> Self {
        Self(Arc::new(Mutex::new(budget)))
    }

    /// Runs with the budget locked.
    pub fn with<T>(&self, run: impl FnOnce(&mut RetryBudget) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
