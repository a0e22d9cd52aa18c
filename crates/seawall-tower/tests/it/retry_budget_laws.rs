//! What retries cost a backend, counted at the backend.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_core::{
    CallContext, Error, FailureKind, Idempotency, RetryBudget, RetryBudgetConfig, RetryBudgetForm,
    SharedRetryBudget,
};
use seawall_tower::{RetryConfig, RetryLayer, RetryPolicy};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt, service_fn};

const BOTH: [RetryBudgetForm; 2] = [RetryBudgetForm::Outcome, RetryBudgetForm::Ratio];
const RATIOS: [f64; 5] = [0.05, 0.1, 0.2, 0.5, 1.0];

/// What the backend does with an attempt, by its number.
#[derive(Clone, Copy)]
enum Backend {
    Works,
    Down,
    /// Every second first try works, and no retry.
    RetriesAreInVain,
}

struct World {
    policy: RetryPolicy,
    attempts: Arc<AtomicU32>,
}

impl World {
    /// Three attempts a call, at a backend whose retries this budget pays.
    fn new(form: RetryBudgetForm, ratio: f64) -> Self {
        let config = RetryBudgetConfig { form, ratio, ..RetryBudgetConfig::default() };
        let budget = RetryBudget::new(config, Instant::now().into_std()).unwrap();
        let three =
            RetryConfig { max_attempts: const { NonZeroU32::new(3).unwrap() }, ..RetryConfig::default() };
        let policy = RetryPolicy::new(&three)
            .unwrap()
            .unspecified_is(Idempotency::Idempotent)
            .seed(1)
            .budget(SharedRetryBudget::new(budget));
        Self { policy, attempts: Arc::default() }
    }

    fn service(&self, backend: Backend) -> BoxCloneService<u32, (), Error> {
        let attempts = Arc::clone(&self.attempts);
        let inner = service_fn(move |call: u32| {
            attempts.fetch_add(1, Ordering::Relaxed);
            let first = CallContext::current().attempt_number() == 1;
            let works = match backend {
                Backend::Works => true,
                Backend::Down => false,
                Backend::RetriesAreInVain => first && call.is_multiple_of(2),
            };
            std::future::ready(if works {
                Ok(())
            } else {
                Err(Error::new(FailureKind::Transient, "backend", "test"))
            })
        });
        BoxCloneService::new(RetryLayer::new(self.policy.clone()).layer(inner))
    }

    /// A hundred calls a second for so long. Says how many attempts the backend saw for each call.
    async fn run(&self, backend: Backend, seconds: u32) -> f64 {
        let service = self.service(backend);
        let before = self.attempts.load(Ordering::Relaxed);
        let mut calls = JoinSet::new();
        for call in 0..seconds * 100 {
            calls.spawn(service.clone().oneshot(call));
            sleep(Duration::from_millis(10)).await;
        }
        while calls.join_next().await.is_some() {}
        f64::from(self.attempts.load(Ordering::Relaxed) - before) / f64::from(seconds * 100)
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_ratio_form_an_outage_costs_just_the_ratio_within_a_point() {
    for ratio in RATIOS {
        let world = World::new(RetryBudgetForm::Ratio, ratio);
        world.run(Backend::Works, 11).await;
        for seconds in [10, 20] {
            let amplification = world.run(Backend::Down, seconds).await;
            assert!((amplification - 1.0 - ratio).abs() <= 0.01, "{ratio}, {seconds} s: {amplification}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_outcome_form_an_outage_costs_the_ratio_at_first_and_then_next_to_nothing() {
    for ratio in RATIOS {
        let world = World::new(RetryBudgetForm::Outcome, ratio);
        world.run(Backend::Works, 11).await;
        let first = world.run(Backend::Down, 10).await;
        assert!(first <= 1.0 + ratio + 0.01 && first > 1.0 + ratio * 0.85, "{ratio}: {first}");
        let then = world.run(Backend::Down, 20).await;
        // The trickle, and what the first ten seconds left.
        assert!(then <= 1.02, "{ratio}: {then}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_in_vain_never_cost_more_than_the_ratio() {
    for form in BOTH {
        for ratio in RATIOS {
            let world = World::new(form, ratio);
            world.run(Backend::Works, 11).await;
            for seconds in [10, 20] {
                let amplification = world.run(Backend::RetriesAreInVain, seconds).await;
                // What was saved up before adds to what is earned meanwhile, once; and so do some seventy retries,
                // which find out that they are in vain.
                let saved = match form {
                    RetryBudgetForm::Outcome if seconds == 10 => ratio / 2.0 + 0.075,
                    _ => 0.0,
                };
                assert!(amplification <= 1.0 + ratio + saved + 0.01, "{form:?} {ratio}: {amplification}");
                assert!(amplification > 1.0 + ratio * 0.4, "{form:?} {ratio}: {amplification}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drained_budget_pays_for_a_retry_within_a_second_of_the_backend_coming_back() {
    for form in BOTH {
        for ratio in RATIOS {
            let world = World::new(form, ratio);
            world.run(Backend::Down, 30).await;
            world.run(Backend::Works, 1).await;
            // An odd call fails at its first try, and may be retried.
            world.attempts.store(0, Ordering::Relaxed);
            world.service(Backend::RetriesAreInVain).oneshot(1).await.unwrap_err();
            assert!(world.attempts.load(Ordering::Relaxed) >= 2, "{form:?} {ratio}");
        }
    }
}
