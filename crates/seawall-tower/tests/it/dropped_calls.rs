//! What a circuit makes of calls that are dropped before they are answered, and of what backends wish.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{CircuitBreakerConfig, CircuitState, Error, Event, FailureKind, Idempotency, Jitter};
use seawall_testkit::hostile::{Answer, Hostile, HostileService};
use seawall_tower::{
    CircuitBreaker, CircuitBreakerHandle, CircuitBreakerLayer, DeadlineLayer, RetryConfig, RetryLayer,
    RetryPolicy,
};
use tokio::time::Instant;
use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceExt, service_fn};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);

fn guarded(
    recorder: &Arc<Recorder>,
) -> (CircuitBreaker<Inner, seawall_core::ByKind>, CircuitBreakerHandle, Hostile<&'static str, Error>) {
    let config = CircuitBreakerConfig {
        wait_jitter: Jitter::None,
        ramp: Duration::ZERO,
        ..CircuitBreakerConfig::eager()
    };
    let breaker = CircuitBreakerHandle::new(recorder.identity(), &config).unwrap();
    let (inner, control) = HostileService::echo();
    (CircuitBreakerLayer::new(breaker.clone()).layer(inner), breaker, control)
}

#[tokio::test(start_paused = true)]
async fn calls_that_a_deadline_above_cuts_count_as_time_outs() {
    let (service, breaker, control) = guarded(&Arc::default());
    let deadline = DeadlineLayer::new(SECOND).layer(service);
    control.answers((0..5).map(|_| Answer::Hang));
    for _ in 0..5 {
        assert_eq!(breaker.state(), CircuitState::Closed);
        deadline.clone().oneshot("hello").await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn calls_that_their_callers_drop_are_told_of_and_count_for_nothing() {
    let recorder = Arc::new(Recorder::default());
    let (service, breaker, control) = guarded(&recorder);
    let deadline = DeadlineLayer::new(60 * SECOND).layer(service);
    control.answers((0..20).map(|_| Answer::Hang));
    for _ in 0..20 {
        let mut call = task::spawn(deadline.clone().oneshot("hello"));
        assert_pending!(call.poll());
        tokio::time::advance(SECOND).await;
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(recorder.of("circuit_breaker"), [Event::Abandoned { elapsed: SECOND }; 20]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_a_deadline_cuts_is_a_probe_that_failed() {
    let (service, breaker, control) = guarded(&Arc::default());
    control.answers((0..5).map(|_| Answer::failure(FailureKind::Transient)));
    for _ in 0..5 {
        service.clone().oneshot("hello").await.unwrap_err();
    }
    tokio::time::advance(5 * SECOND).await;
    let deadline = DeadlineLayer::new(SECOND).layer(service);
    control.answers((0..3).map(|_| Answer::Hang));
    for _ in 0..3 {
        deadline.clone().oneshot("hello").await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::Open, "it takes three of five to close it");
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_be_left_alone_is_one_signal_for_retry_and_circuit_whatever_the_failure_is_called() {
    let (service, breaker, control) = guarded(&Arc::default());
    let policy = RetryPolicy::new(&RetryConfig::default()).unwrap();
    let retrying = RetryLayer::new(policy.unspecified_is(Idempotency::Idempotent)).layer(service.clone());
    let wish = || Error::new(FailureKind::Transient, "inner", "inner").with_retry_after(7 * SECOND);
    control.answers([Answer::Err(wish())]);
    let began = Instant::now();
    retrying.oneshot("hello").await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 7, "never earlier");

    control.answers((0..5).map(|_| Answer::Err(wish())));
    for _ in 0..5 {
        service.clone().oneshot("hello").await.unwrap_err();
    }
    assert_eq!(breaker.state(), CircuitState::Open);
    let refused = service.oneshot("hello").await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(7 * SECOND));
}

proptest! {
    /// The layer leaves out successes that would change nothing, and opens at the same call all the same.
    #[test]
    fn the_layer_opens_where_a_naive_account_of_its_calls_does(
        failed in prop::collection::vec(prop_oneof![4 => Just(false), 1 => Just(true)], 0..400),
    ) {
        let config = CircuitBreakerConfig {
            count_window: std::num::NonZeroU32::new(10),
            failure_rate_threshold: Some(0.4),
            minimum_number_of_calls: std::num::NonZeroU32::new(5).unwrap(),
            consecutive_failures: None,
            time_window: None,
            ..CircuitBreakerConfig::eager()
        };
        let breaker = CircuitBreakerHandle::seeded(seawall_tower::Identity::default(), &config, 1).unwrap();
        let inner = service_fn(|fail: bool| {
            let failure = || Error::new(FailureKind::Transient, "inner", "inner");
            std::future::ready(if fail { Err(failure()) } else { Ok(()) })
        });
        let service = CircuitBreakerLayer::new(breaker.clone()).layer(inner);
        for call in 0..failed.len() {
            let mut answer = task::spawn(service.clone().oneshot(failed[call]));
            prop_assert!(answer.poll().is_ready());
            let recent = failed[..=call].iter().rev().take(10).filter(|failed| **failed).count();
            // Never at a success, be it the one that makes the calls enough to judge by.
            let opens = failed[call] && call + 1 >= 5 && recent >= 4;
            prop_assert_eq!(breaker.state() == CircuitState::Open, opens);
            if opens {
                break;
            }
        }
    }
}
