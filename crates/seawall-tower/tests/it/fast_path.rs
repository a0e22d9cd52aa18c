//! Calls past the layers come to the same as calls through them.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::{
    ByKind, CallContext, CircuitBreakerConfig, CircuitState, Error, Event, FailureKind, HedgeConfig,
    Idempotency, Jitter, Observer, RateLimitConfig, RetryBudgetConfig,
};
use seawall_testkit::hostile::{Answer, HostileService};
use seawall_tower::{ConcurrencyLimitConfig, Pipeline, PipelineConfig, PipelineService, RetryConfig};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

use crate::recorder::Recorder;

type Stack = PipelineService<HostileService<&'static str, &'static str, Error>>;

/// What may take the fast way: nothing that holds calls back.
fn open() -> PipelineConfig {
    let retry = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
    PipelineConfig { concurrency_limit: None, retry, ..PipelineConfig::default() }
}

fn pipeline(config: &PipelineConfig) -> (Pipeline, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let observer = Arc::clone(&recorder) as Arc<dyn Observer>;
    (Pipeline::new("test", config, ByKind, observer).unwrap(), recorder)
}

fn idempotent() -> CallContext {
    CallContext::default().idempotency(Idempotency::Idempotent)
}

/// A call as a client makes it: its first attempt past the layers, the rest through them.
async fn call(pipeline: &Pipeline, stack: &mut Stack) -> Result<&'static str, Error> {
    let fast = pipeline.fast_path("target");
    let Some(passage) = fast.enter() else { return stack.ready().await?.call("hello").await };
    let mut backend = stack.get_ref().clone();
    let attempt = async { backend.ready().await?.call("hello").await };
    let answer = match passage.until() {
        None => Ok(attempt.await),
        Some(until) => tokio::time::timeout_at(until.into(), attempt).await,
    };
    let answer = answer.unwrap_or_else(|_| Err(passage.ran_out().into()));
    match (passage.ended(answer.as_ref()), answer) {
        (Some(failed), Err(error)) => stack.resume("hello", error, failed).await,
        (_, answer) => answer,
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_is_told_and_earns_the_budget_as_through_the_layers() {
    let mut told = Vec::new();
    let mut earned = Vec::new();
    for fast in [true, false] {
        let (pipeline, recorder) = pipeline(&open());
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        control.answers([Answer::Ok("hello").after(Duration::from_secs(2))]);
        let mut stack = pipeline.layer("target").layer(inner);
        let answer = if fast {
            call(&pipeline, &mut stack).await
        } else {
            stack.ready().await.unwrap().call("hello").await
        };
        assert_eq!(answer.unwrap(), "hello");
        told.push((recorder.of("retry"), recorder.of("pipeline"), recorder.of("circuit_breaker")));
        earned.push(pipeline.targets()[0].budget_balance.to_bits());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(earned[0], earned[1]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_told_and_counted_as_through_the_layers() {
    const TRANSIENT: Option<FailureKind> = Some(FailureKind::Transient);
    // Kinds of failures, and `None` for an attempt that hangs.
    for failures in
        [&[TRANSIENT][..], &[TRANSIENT, None, TRANSIENT], &[None; 4], &[Some(FailureKind::Permanent)]]
    {
        let mut ways = Vec::new();
        for fast in [true, false] {
            let (pipeline, recorder) = pipeline(&open());
            let (inner, control) = HostileService::<&str, &str, Error>::echo();
            control.answers(failures.iter().map(|kind| kind.map_or(Answer::Hang, Answer::failure)));
            let mut stack = pipeline.layer("target").layer(inner);
            let began = Instant::now();
            let answer = idempotent().scope(async {
                if fast {
                    call(&pipeline, &mut stack).await
                } else {
                    stack.ready().await.unwrap().call("hello").await
                }
            });
            let answer = answer.await.map_err(|error| (error.to_string(), error.attempts(), error.elapsed()));
            let told = ["retry", "pipeline", "attempt_timeout", "circuit_breaker"].map(|of| recorder.of(of));
            ways.push((answer, began.elapsed(), control.counts().calls, told));
        }
        assert_eq!(ways[0], ways[1], "{failures:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_open_the_circuit_and_then_nobody_goes_past_it() {
    let breaker = CircuitBreakerConfig::eager();
    let (pipeline, _) = pipeline(&PipelineConfig { circuit_breaker: breaker, ..open() });
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers((0..5).map(|_| Answer::failure(FailureKind::Transient)));
    let mut stack = pipeline.layer("target").layer(inner);
    for _ in 0..5 {
        call(&pipeline, &mut stack).await.unwrap_err();
    }
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Open);
    assert!(pipeline.fast_path("target").enter().is_none());
    assert_eq!(call(&pipeline, &mut stack).await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(control.counts().calls, 5);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_spent_ends_the_retries() {
    let retry_budget = RetryBudgetConfig { reserve: 0.0, trickle: 0.0, ..RetryBudgetConfig::default() };
    let (pipeline, recorder) = pipeline(&PipelineConfig { retry_budget, ..open() });
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::failure(FailureKind::Transient)]);
    let mut stack = pipeline.layer("target").layer(inner);
    idempotent().scope(call(&pipeline, &mut stack)).await.unwrap_err();
    assert_eq!(control.counts().calls, 1);
    assert!(recorder.of("retry").iter().any(|event| matches!(event, Event::BudgetExhausted { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_dropped_counts_as_a_time_out_only_after_its_deadline() {
    let breaker = CircuitBreakerConfig::eager();
    let (pipeline, recorder) = pipeline(&PipelineConfig { circuit_breaker: breaker, ..open() });
    let fast = pipeline.fast_path("target");
    for _ in 0..20 {
        drop(fast.enter().unwrap());
    }
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Closed);
    for _ in 0..5 {
        let now = Instant::now().into_std();
        let short = CallContext::default().within(Duration::from_secs(1), now);
        let passage = short.enter(|| fast.enter().unwrap());
        assert_eq!(passage.until(), Some(now + Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(passage);
    }
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Open);
    let told = recorder.of("pipeline");
    assert_eq!(told.iter().filter(|event| matches!(event, Event::Abandoned { .. })).count(), 25);
}

#[tokio::test(start_paused = true)]
async fn nobody_goes_past_a_layer_that_has_a_say() {
    let held_back = [
        PipelineConfig { hedge: Some(HedgeConfig::default()), ..open() },
        PipelineConfig { concurrency_limit: Some(ConcurrencyLimitConfig::default()), ..open() },
        PipelineConfig { rate_limit: Some(RateLimitConfig::default()), ..open() },
    ];
    for config in held_back {
        let (pipeline, _) = pipeline(&open());
        let fast = pipeline.fast_path("target");
        assert!(fast.enter().is_some());
        pipeline.reconfigure(&config).unwrap();
        assert!(fast.enter().is_none(), "{config:?}");
    }
    let (pipeline, _) = pipeline(&open());
    let fast = pipeline.fast_path("target");
    let nested = CallContext::default().attempt(2.try_into().unwrap());
    assert!(nested.enter(|| fast.enter().is_none()), "within an attempt of another retry");
    let late = CallContext::default().deadline(Instant::now().into_std());
    assert!(late.enter(|| fast.enter().is_none()), "its time was over before");
    pipeline.rate_limiter("target").pause(Duration::from_secs(1));
    assert!(fast.enter().is_none(), "the backend has asked for a pause");
}
