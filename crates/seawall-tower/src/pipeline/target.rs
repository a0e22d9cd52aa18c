use std::fmt;
use std::sync::Arc;

use seawall_core::{CircuitState, Observer, RetryBudget, SharedRetryBudget};
use serde::Serialize;

use super::PipelineConfig;
use crate::Identity;
use crate::attempt_timeout::AttemptTimeoutLayer;
use crate::circuit_breaker::CircuitBreakerHandle;
use crate::clock::now;
use crate::deadline::DeadlineLayer;
use crate::retry::RetryPolicy;

/// How one target of a pipeline does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Its name.
    pub target: String,
    /// What its circuit does.
    pub circuit: CircuitState,
    /// What its budget holds, in retries.
    pub budget_balance: f64,
}

/// What every target of a pipeline is built after.
pub(super) struct Blueprint<C> {
    name: &'static str,
    pub(super) config: PipelineConfig,
    pub(super) classifier: C,
    observer: Arc<dyn Observer>,
}

/// What all layers made for one target share.
#[derive(Debug)]
pub(super) struct Target<C> {
    pub(super) identity: Identity,
    pub(super) classifier: C,
    pub(super) deadline: DeadlineLayer,
    pub(super) retry: RetryPolicy<C>,
    budget: SharedRetryBudget,
    breaker: CircuitBreakerHandle,
    pub(super) attempt_timeout: AttemptTimeoutLayer,
}

impl<C> Blueprint<C> {
    pub(super) fn new(
        name: &'static str,
        config: PipelineConfig,
        classifier: C,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self { name, config, classifier, observer }
    }
}

impl<C: Clone> Blueprint<C> {
    pub(super) fn build(&self, target: &str) -> Target<C> {
        let identity = Identity::new(target).pipeline(self.name).observer(Arc::clone(&self.observer));
        let config = &self.config;
        let checked = "the pipeline's configuration was validated when it was made";
        let budget = RetryBudget::new(config.retry_budget.clone(), now()).expect(checked);
        let budget = SharedRetryBudget::new(budget);
        let retry = RetryPolicy::new(&config.retry).expect(checked);
        let breaker = CircuitBreakerHandle::new(identity.clone(), &config.circuit_breaker).expect(checked);
        Target {
            deadline: DeadlineLayer::optional(config.deadline).identity(identity.clone()),
            retry: retry
                .budget(budget.clone())
                .identity(identity.clone())
                .classifier(self.classifier.clone()),
            budget,
            breaker,
            attempt_timeout: AttemptTimeoutLayer::optional(config.attempt_timeout).identity(identity.clone()),
            classifier: self.classifier.clone(),
            identity,
        }
    }
}

impl<C> Target<C> {
    pub(super) const fn breaker(&self) -> &CircuitBreakerHandle {
        &self.breaker
    }

    pub(super) fn status(&self, name: &str) -> TargetStatus {
        let now = now();
        TargetStatus {
            target: name.to_owned(),
            circuit: self.breaker.state(),
            budget_balance: self.budget.with(|budget| budget.balance(now)),
        }
    }

    pub(super) fn is_forgettable(&self) -> bool {
        self.breaker.is_forgettable()
    }
}

// By hand, because an observer need not have a debug form.
impl<C: fmt::Debug> fmt::Debug for Blueprint<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blueprint")
            .field("name", &self.name)
            .field("config", &self.config)
            .field("classifier", &self.classifier)
            .finish_non_exhaustive()
    }
}
