use std::sync::Arc;

use seawall_core::{CircuitBreakerConfig, CircuitState, RetryBudget, RetryBudgetConfig, SharedRetryBudget};
use seawall_tower::{
    Balance, BalanceConfig, BalanceHandle, CircuitBreakerHandle, ConcurrencyLimitConfig,
    ConcurrencyLimitHandle, Identity, RetryConfig, RetryPolicy, ServiceBuilderExt as _,
};
use tokio::time::Instant;
use tower::ServiceBuilder;

use super::{Client, Gauges, Policy, Reading, Stack, Terms};
use crate::world::Link;

/// Seawall's layers around a balance over the replicas, each with its default configuration.
#[derive(Debug, Default)]
pub struct Balanced;

impl Policy for Balanced {
    fn name(&self) -> &'static str {
        "balanced"
    }

    fn about(&self) -> &'static str {
        "Seawall's layers around a balance over the replicas: deadline, retry, balance, and per replica circuit breaker, \
         concurrency limit and attempt timeout"
    }

    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client {
        let Parts { retry, balance, gauges, .. } = Parts::new(link, terms, seed);
        let stack = ServiceBuilder::new().deadline(terms.deadline).retry_with(retry).service(balance);
        Client { stack: Stack::new(stack), gauges: Some(Arc::new(gauges)) }
    }
}

/// What a client of several replicas is made of.
pub(super) struct Parts {
    pub(super) retry: RetryPolicy,
    /// What retries are paid from.
    pub(super) budget: SharedRetryBudget,
    pub(super) balance: Balance<Stack>,
    pub(super) gauges: OfReplicas,
}

impl Parts {
    pub(super) fn new(link: &Link, terms: Terms, seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let budget = RetryBudget::new(RetryBudgetConfig::default(), Instant::now().into_std()).expect(VALID);
        let budget = SharedRetryBudget::new(budget);
        let retry = RetryPolicy::new(&RetryConfig::default()).expect(VALID).budget(budget.clone());
        let guards: Vec<_> = (0..link.replicas()).map(|_| Guards::new(chance.u64(..))).collect();
        let replica =
            |(index, guards): (usize, &Guards)| (index.to_string(), guards.around(link.to(index), terms));
        let replicas = guards.iter().enumerate().map(replica);
        let config = BalanceConfig::default();
        let handle =
            BalanceHandle::seeded(Identity::new(TARGET), &config, replicas, chance.u64(..)).expect(VALID);
        Self {
            retry: retry.seed(chance.u64(..)),
            balance: Balance::new(handle),
            gauges: OfReplicas { guards, budget: budget.clone() },
            budget,
        }
    }
}

pub(super) const TARGET: &str = "tier";
pub(super) const VALID: &str = "a default configuration is valid";

/// What stands before one replica.
#[derive(Debug)]
struct Guards {
    breaker: CircuitBreakerHandle,
    limit: ConcurrencyLimitHandle,
}

impl Guards {
    fn new(seed: u64) -> Self {
        let identity = || Identity::new(TARGET);
        Self {
            breaker: CircuitBreakerHandle::seeded(identity(), &CircuitBreakerConfig::default(), seed)
                .expect(VALID),
            limit: ConcurrencyLimitHandle::new(identity(), &ConcurrencyLimitConfig::default()).expect(VALID),
        }
    }

    fn around(&self, replica: Link, terms: Terms) -> Stack {
        ServiceBuilder::new()
            .boxed_clone_sync()
            .circuit_breaker(self.breaker.clone())
            .limit_concurrency(self.limit.clone())
            .attempt_timeout(terms.attempt_timeout)
            .service(replica)
    }
}

#[derive(Debug)]
pub(super) struct OfReplicas {
    guards: Vec<Guards>,
    budget: SharedRetryBudget,
}

impl Gauges for OfReplicas {
    /// The limits and the queues of all replicas together; open if any circuit is.
    fn read(&self) -> Reading {
        let guards = &self.guards;
        Reading {
            limit: Some(guards.iter().map(|guards| guards.limit.limit()).sum()),
            waiting: guards.iter().map(|guards| guards.limit.waiting()).sum(),
            open: guards.iter().any(|guards| guards.breaker.state() != CircuitState::Closed),
            budget: Some(self.budget.with(|budget| budget.balance(Instant::now().into_std()))),
        }
    }
}
