//! All layers at once, by name and in their usual order: what each promises holds of the whole.

use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::{
    ChaosConfig, CircuitBreakerConfig, CircuitState, Error, FailureKind, HedgeConfig, Idempotency,
    RateLimitConfig,
};
use seawall_testkit::hostile::Answer;
use seawall_tower::{
    ChaosHandle, CircuitBreakerHandle, ConcurrencyLimitConfig, ConcurrencyLimitHandle, HedgeHandle,
    HedgeLayer, Identity, RateLimiterHandle, RetryConfig, RetryPolicy, ServiceBuilderExt as _, fallback,
};
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt};

use crate::contract::{self, Guarded, boxed, hostile, layer};

const SECOND: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(30);

/// The handles that a test turns.
struct Handles {
    breaker: CircuitBreakerHandle,
    limit: ConcurrencyLimitHandle,
    chaos: ChaosHandle,
}

fn handles(chaos: &ChaosConfig, seed: u64) -> Handles {
    let identity = Identity::default;
    Handles {
        breaker: CircuitBreakerHandle::seeded(identity(), &CircuitBreakerConfig::eager(), seed).unwrap(),
        limit: ConcurrencyLimitHandle::new(identity(), &ConcurrencyLimitConfig::default()).unwrap(),
        chaos: ChaosHandle::seeded(identity(), chaos, seed).unwrap(),
    }
}

/// Everything but the fallback, so that failures can be seen.
fn stack(handles: &Handles, inner: Guarded) -> Guarded {
    let hedge = HedgeHandle::new(Identity::default(), &HedgeConfig::default()).unwrap();
    let rate = RateLimiterHandle::new(Identity::default(), &RateLimitConfig::default()).unwrap();
    let shared_rate = rate.clone();
    let retry = RetryPolicy::new(&RetryConfig::default()).unwrap();
    boxed(
        ServiceBuilder::new()
            .coalesce(|request: &&'static str| Some(*request))
            .deadline(DEADLINE)
            .retry_with(retry.unspecified_is(Idempotency::Idempotent).seed(7))
            .hedge(HedgeLayer::new(hedge).unspecified_is(Idempotency::Idempotent))
            .circuit_breaker(handles.breaker.clone())
            .limit_concurrency(handles.limit.clone())
            .limit_rate(rate)
            .limit_rate_by(move |_: &&'static str| (shared_rate.clone(), NonZeroU32::MIN))
            .attempt_timeout(5 * SECOND)
            .chaos(handles.chaos.clone())
            .service(inner),
    )
}

fn with_fallback(inner: Guarded) -> Guarded {
    boxed(ServiceBuilder::new().fallback(fallback::value("fallen back")).shed_load().service(inner))
}

fn hostile_weather() -> ChaosConfig {
    ChaosConfig {
        enabled: true,
        latency_rate: 0.3,
        max_latency: 4 * SECOND,
        error_rate: 0.3,
        hang_rate: 0.1,
        loss_rate: 0.1,
        ..ChaosConfig::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_through_all_of_them_once() {
    let (inner, control) = hostile();
    let handles = handles(&ChaosConfig::default(), 7);
    let service = with_fallback(stack(&handles, inner));
    assert_eq!(service.oneshot("hello").await.unwrap(), "hello");
    assert_eq!((control.counts().calls, handles.limit.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn when_nothing_works_the_circuit_opens_and_the_fallback_answers_in_time() {
    let (inner, control) = hostile();
    control.answers((0..100).map(|_| Answer::Hang));
    let handles = handles(&ChaosConfig::default(), 7);
    let service = with_fallback(stack(&handles, inner));
    for request in ["one", "two", "three", "four"] {
        let began = Instant::now();
        assert_eq!(service.clone().oneshot(request).await.unwrap(), "fallen back");
        assert!(began.elapsed() <= DEADLINE + SECOND, "{request} took {:?}", began.elapsed());
    }
    assert_eq!(handles.breaker.state(), CircuitState::Open);
    let calls = control.counts().calls;
    assert_eq!(service.oneshot("refused").await.unwrap(), "fallen back");
    assert_eq!(control.counts().calls, calls, "an open circuit calls nobody");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_leaves_nothing_behind_in_the_whole_stack() {
    let whole =
        layer("the whole stack", |inner| with_fallback(stack(&handles(&ChaosConfig::default(), 7), inner)))
            .waiting()
            .detaching();
    contract::leaves_nothing_behind(&whole, &[]).await;
    contract::leaves_nothing_behind(&whole, &[2, 2, 2]).await;
}

#[tokio::test(start_paused = true)]
async fn under_faults_every_call_ends_in_time_and_afterwards_all_succeed() {
    const REQUESTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for seed in 0..20 {
        let (inner, control) = hostile();
        let handles = handles(&hostile_weather(), seed);
        let service = stack(&handles, inner);
        let (mut answered, mut failed) = (0, 0);
        for _ in 0..10 {
            let began = Instant::now();
            let calls = REQUESTS.map(|request| tokio::spawn(service.clone().oneshot(request)));
            for (call, request) in calls.into_iter().zip(REQUESTS) {
                match call.await.unwrap() {
                    Ok(answer) => {
                        assert_eq!(answer, request, "seed {seed}");
                        answered += 1;
                    }
                    Err(error) => {
                        assert_ne!(error.kind(), FailureKind::Permanent, "seed {seed}: {error}");
                        failed += 1;
                    }
                }
            }
            assert!(began.elapsed() <= DEADLINE + SECOND, "seed {seed} took {:?}", began.elapsed());
        }
        assert!(answered > 0 && failed > 0, "seed {seed}: {answered} answered, {failed} failed");

        handles.chaos.disable();
        // Longer than the circuit may stay open, and longer than it lets calls in by degrees.
        tokio::time::sleep(120 * SECOND).await;
        let recovered = recover(&service).await;
        assert!(recovered.is_ok(), "seed {seed}: {recovered:?}");
        let counts = control.counts();
        assert_eq!((counts.in_flight, handles.limit.in_flight()), (0, 0), "seed {seed}");
        assert_eq!(handles.breaker.state(), CircuitState::Closed, "seed {seed}");
    }
}

/// Calls for a minute, in which probes close the circuit and it lets everybody in again, and then as many as must succeed.
async fn recover(service: &Guarded) -> Result<(), Error> {
    for _ in 0..60 {
        let _either = service.clone().oneshot("probe").await;
        tokio::time::sleep(SECOND).await;
    }
    for _ in 0..20 {
        service.clone().oneshot("after").await?;
    }
    Ok(())
}

#[test]
fn every_layer_is_offered_by_name_and_told_of_in_the_readme() {
    let offered = include_str!("../../src/builder_ext.rs");
    let readme = include_str!("../../README.md");
    for layer in contract::exported().filter_map(|name| name.strip_suffix("Layer")) {
        assert!(offered.contains(&format!("[`{layer}Layer`]")), "{layer} has no method of its own");
        assert!(readme.contains(&format!("| `{layer}` |")), "{layer} is not in the table of the readme");
    }
}
