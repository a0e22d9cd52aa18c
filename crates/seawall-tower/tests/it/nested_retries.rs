//! A retry around a retry: attempts are not multiplied.

use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{
    ByKind, Classify, Error, FailureKind, Idempotency, Outcome, RetryBudget, RetryBudgetConfig,
    SharedRetryBudget,
};
use seawall_testkit::hostile::{Answer, Hostile, HostileService};
use seawall_tower::{Replay, RetryConfig, RetryLayer, RetryPolicy};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

type Inner = HostileService<&'static str, &'static str, Error>;

fn policy(attempts: u32) -> RetryPolicy {
    let max_attempts = NonZeroU32::new(attempts).unwrap();
    RetryPolicy::new(&RetryConfig { max_attempts, ..RetryConfig::default() })
        .unwrap()
        .unspecified_is(Idempotency::Idempotent)
        .without_budget()
}

fn failing() -> (Inner, Hostile<&'static str, Error>) {
    let (inner, control) = HostileService::echo();
    control
        .answers((0..100).map(|_| Answer::failure(FailureKind::Transient).after(Duration::from_millis(1))));
    (inner, control)
}

#[tokio::test(start_paused = true)]
async fn three_attempts_in_three_are_three() {
    for outer in [2, 3, 5] {
        let (inner, control) = failing();
        let nested = RetryLayer::new(policy(outer)).layer(RetryLayer::new(policy(3)).layer(inner));
        let error = nested.oneshot("hello").await.unwrap_err();
        assert_eq!((control.counts().calls, error.attempts()), (u64::from(outer), outer));
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_makes_one_attempt_leaves_it_to_the_one_within() {
    let (inner, control) = failing();
    let nested = RetryLayer::new(policy(1)).layer(RetryLayer::new(policy(3)).layer(inner));
    nested.oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_without_a_copy_of_the_request_leaves_it_to_the_one_within() {
    #[derive(Clone)]
    struct Streams;
    impl Classify<&'static str, Error> for Streams {
        fn classify(&self, result: Result<&&'static str, &Error>) -> Outcome {
            ByKind.classify(result)
        }
    }
    impl Replay<&'static str> for Streams {
        fn replay(&self, _: &&'static str) -> Option<&'static str> {
            None
        }
        fn idempotency(&self, _: &&'static str) -> Idempotency {
            Idempotency::Idempotent
        }
    }
    let (inner, control) = failing();
    let within = RetryLayer::new(policy(3)).layer(inner);
    RetryLayer::new(policy(3).classifier(Streams)).layer(within).oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 3);
}

#[tokio::test(start_paused = true)]
async fn who_means_to_multiply_says_so() {
    let (inner, control) = failing();
    let within = RetryLayer::new(policy(3).within_retries()).layer(inner);
    RetryLayer::new(policy(3)).layer(within).oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 9);
}

#[tokio::test(start_paused = true)]
async fn our_policy_in_towers_retry_does_not_multiply_either() {
    let (inner, control) = failing();
    let within = tower::retry::RetryLayer::new(policy(3)).layer(inner);
    RetryLayer::new(policy(3)).layer(within).oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 3);
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_the_outer_retry_pays_and_that_of_the_inner_one_does_not() {
    let now = Instant::now().into_std();
    let config = RetryBudgetConfig { trickle: 0.0, ratio: 0.0, ..RetryBudgetConfig::default() };
    let budget = || SharedRetryBudget::new(RetryBudget::new(config.clone(), now).unwrap());
    let (outer, within) = (budget(), budget());
    let (inner, _control) = failing();
    let nested = RetryLayer::new(policy(3).budget(within.clone())).layer(inner);
    RetryLayer::new(policy(3).budget(outer.clone())).layer(nested).oneshot("hello").await.unwrap_err();
    let balance = |budget: &SharedRetryBudget| budget.with(|budget| budget.balance(now));
    assert!((balance(&outer) - 1.0).abs() < 1e-9 && (balance(&within) - 3.0).abs() < 1e-9);
}
