//! What can be changed while it runs: what is in force, what is kept, and what is refused.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{
    CircuitBreakerConfig, CircuitState, Error, Event, FailureKind, Idempotency, Jitter, RetryBudget,
    RetryBudgetConfig, SharedRetryBudget,
};
use seawall_testkit::hostile::{Answer, Hostile, HostileService};
use seawall_tower::{
    AttemptTimeoutLayer, CircuitBreakerHandle, CircuitBreakerLayer, DeadlineLayer, Retry, RetryConfig,
    RetryLayer, RetryPolicy,
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);

fn config(attempts: u32) -> RetryConfig {
    let max_attempts = NonZeroU32::new(attempts).unwrap();
    RetryConfig { max_attempts, jitter: Jitter::None, ..RetryConfig::default() }
}

fn retrying(policy: &RetryPolicy) -> (Retry<Inner>, Hostile<&'static str, Error>) {
    let (inner, control) = HostileService::echo();
    control.answers((0..100).map(|_| Answer::failure(FailureKind::Transient)));
    (RetryLayer::new(policy.clone()).layer(inner), control)
}

#[tokio::test(start_paused = true)]
async fn every_knob_of_a_retry_changes_while_it_runs() {
    let recorder = Arc::new(Recorder::default());
    let policy = RetryPolicy::new(&config(3)).unwrap().unspecified_is(Idempotency::Idempotent);
    let policy = policy.without_budget().identity(recorder.identity());
    let (service, control) = retrying(&policy);
    service.clone().oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 3);

    let slower = RetryConfig { base_delay: SECOND, factor: 1.0, ..config(5) };
    policy.reconfigure(&slower).unwrap();
    let began = Instant::now();
    service.clone().oneshot("hello").await.unwrap_err();
    assert_eq!((control.counts().calls, began.elapsed().as_secs()), (3 + 5, 4));

    let invalid = policy.reconfigure(&RetryConfig { factor: 0.5, ..config(9) }).unwrap_err();
    assert_eq!(invalid.to_string(), "factor is 0.5: must be at least 1 and at most 1000");
    assert_eq!(policy.config(), slower, "the old one stays");

    policy.reconfigure(&config(1)).unwrap();
    service.oneshot("hello").await.unwrap_err();
    assert_eq!(control.counts().calls, 3 + 5 + 1);

    let changes = |event: &Event| matches!(event, Event::Reconfigured | Event::ReconfigurationRefused);
    let told: Vec<_> = recorder.of("retry").into_iter().filter(changes).collect();
    assert_eq!(told, [Event::Reconfigured, Event::ReconfigurationRefused, Event::Reconfigured]);
}

#[tokio::test(start_paused = true)]
async fn a_sequence_of_ones_own_stays_when_the_rest_changes() {
    let policy = RetryPolicy::new(&config(9)).unwrap().unspecified_is(Idempotency::Idempotent);
    let policy = policy.without_budget().backoff(backon::ConstantBuilder::new().with_delay(SECOND));
    policy.reconfigure(&RetryConfig { jitter: Jitter::Full, ..config(3) }).unwrap();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers((0..9).map(|_| Answer::failure(FailureKind::Transient)));
    let began = Instant::now();
    RetryLayer::new(policy).layer(inner).oneshot("hello").await.unwrap_err();
    assert_eq!((control.counts().calls, began.elapsed().as_secs()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_budget_changes_and_keeps_what_its_new_cap_allows() {
    let now = Instant::now().into_std();
    let before = RetryBudgetConfig { reserve: 10.0, ..RetryBudgetConfig::default() };
    let budget = SharedRetryBudget::new(RetryBudget::new(before, now).unwrap());
    let policy = RetryPolicy::new(&config(3)).unwrap().budget(budget.clone());
    policy.reconfigure_budget(&RetryBudgetConfig { reserve: 4.0, ..RetryBudgetConfig::default() }).unwrap();
    let balance = || budget.with(|budget| budget.balance(now));
    assert!((balance() - 4.0).abs() < 1e-9);
    let invalid = RetryBudgetConfig { ratio: -1.0, ..RetryBudgetConfig::default() };
    assert_eq!(policy.reconfigure_budget(&invalid).unwrap_err().field(), "ratio");
    assert!((balance() - 4.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_changes_for_services_made_before() {
    let recorder = Arc::new(Recorder::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers((0..6).map(|_| Answer::Ok("slow").after(3 * SECOND)));
    let deadline = DeadlineLayer::new(SECOND).identity(recorder.identity());
    let attempt = AttemptTimeoutLayer::new(SECOND).identity(recorder.identity());
    let (calls, tries) = (deadline.layer(inner.clone()), attempt.layer(inner));
    for (limit, is_cut) in [(None, false), (Some(5 * SECOND), false), (Some(2 * SECOND), true)] {
        deadline.handle().set(limit).unwrap();
        attempt.handle().set(limit).unwrap();
        assert_eq!(calls.clone().oneshot("hello").await.is_err(), is_cut, "{limit:?}");
        assert_eq!(tries.clone().oneshot("hello").await.is_err(), is_cut, "{limit:?}");
    }
    let invalid = deadline.handle().set(Some(Duration::ZERO)).unwrap_err();
    assert_eq!(invalid.to_string(), "deadline is 0s: must be above zero, or \"off\"");
    assert_eq!(deadline.handle().limit(), Some(2 * SECOND), "the old one stays");
    assert_eq!(recorder.of("deadline").last(), Some(&Event::ReconfigurationRefused));
    assert_eq!(recorder.of("attempt_timeout").first(), Some(&Event::Reconfigured));
}

#[tokio::test(start_paused = true)]
async fn a_circuit_keeps_its_counts_under_another_configuration_and_tells_of_it() {
    let recorder = Arc::new(Recorder::default());
    let before = CircuitBreakerConfig::eager();
    let breaker = CircuitBreakerHandle::new(recorder.identity(), &before).unwrap();
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = CircuitBreakerLayer::new(breaker.clone()).layer(inner);
    control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient)));
    for _ in 0..3 {
        service.clone().oneshot("hello").await.unwrap_err();
    }
    assert!(breaker.reconfigure(&CircuitBreakerConfig { wait_factor: 0.0, ..before.clone() }).is_err());
    assert_eq!(breaker.config(), before);
    let after = CircuitBreakerConfig { consecutive_failures: NonZeroU32::new(4), ..before };
    breaker.reconfigure(&after).unwrap();
    service.oneshot("hello").await.unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open, "three failures were kept, the fourth opens it");
    let told = recorder.of("circuit_breaker");
    assert_eq!(told[..2], [Event::ReconfigurationRefused, Event::Reconfigured]);
}
