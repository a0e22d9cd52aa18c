use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{
    CallContext, Error, Event, FailureKind, Idempotency, Jitter, RetryBudget, RetryBudgetConfig,
    RetryBudgetForm, SharedRetryBudget,
};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::{AttemptTimeoutLayer, Retry, RetryConfig, RetryLayer, RetryPolicy};
use tokio::time::Instant;
use tokio_test::{assert_pending, task};
use tower::{Layer, Service as _, ServiceExt};

use crate::recorder::Recorder;

fn budget(reserve: f64) -> SharedRetryBudget {
    let config = RetryBudgetConfig { reserve, trickle: 0.0, ..RetryBudgetConfig::default() };
    SharedRetryBudget::new(RetryBudget::new(config, Instant::now().into_std()).unwrap())
}

fn balance(budget: &SharedRetryBudget) -> f64 {
    let now = Instant::now().into_std();
    budget.with(|budget| budget.balance(now))
}

type Service = Retry<HostileService<&'static str, &'static str, Error>>;

fn retrying(budget: &SharedRetryBudget, recorder: &Arc<Recorder>) -> (Service, Hostile<&'static str, Error>) {
    let policy = RetryPolicy::new(&RetryConfig {
        max_attempts: const { NonZeroU32::new(3).unwrap() },
        jitter: Jitter::None,
        ..RetryConfig::default()
    })
    .unwrap()
    .unspecified_is(Idempotency::Idempotent)
    .identity(recorder.identity())
    .budget(budget.clone());
    let (inner, control) = HostileService::echo();
    (RetryLayer::new(policy).layer(inner), control)
}

fn failures(count: usize) -> impl Iterator<Item = Answer<&'static str, Error>> {
    (0..count).map(|_| Answer::failure(FailureKind::Transient))
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_stops_retries_and_says_so() {
    let (budget, recorder) = (budget(3.0), Arc::default());
    let (service, control) = retrying(&budget, &recorder);
    control.answers(failures(100));
    for _ in 0..10 {
        service.clone().oneshot("hello").await.unwrap_err();
    }
    // Ten first tries raise the cap, and earn nothing, because they fail.
    assert_eq!(control.counts().calls, 13);
    let exhausted = recorder
        .of("retry")
        .into_iter()
        .filter(|event| matches!(event, Event::BudgetExhausted { .. }))
        .count();
    assert_eq!(exhausted, 9);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_works_is_refunded_and_one_that_fails_is_not() {
    let (budget, recorder) = (budget(3.0), Arc::default());
    let (service, control) = retrying(&budget, &recorder);
    control.answers(failures(1));
    service.clone().oneshot("hello").await.unwrap();
    assert!((balance(&budget) - 3.0).abs() < 1e-9);

    control.answers(failures(3));
    service.clone().oneshot("hello").await.unwrap_err();
    assert!((balance(&budget) - 1.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_in_towers_retry_is_settled_too() {
    let budget = budget(3.0);
    let config =
        RetryConfig { max_attempts: const { NonZeroU32::new(2).unwrap() }, ..RetryConfig::default() };
    let policy = RetryPolicy::new(&config).unwrap().unspecified_is(Idempotency::Idempotent);
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let service = tower::retry::RetryLayer::new(policy.budget(budget.clone())).layer(inner);
    control.answers(failures(1));
    service.clone().oneshot("hello").await.unwrap();
    assert!((balance(&budget) - 3.0).abs() < 1e-9, "it was worth its cost");

    control.answers(failures(2));
    assert_eq!(service.oneshot("hello").await.unwrap_err().attempts(), 2);
    assert!((balance(&budget) - 2.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_another_layer_refused_is_refunded() {
    let (budget, recorder) = (budget(3.0), Arc::default());
    let (service, control) = retrying(&budget, &recorder);
    control.answers(failures(1).chain([Answer::failure(FailureKind::Refused)]));
    service.oneshot("hello").await.unwrap_err();
    assert!((balance(&budget) - 3.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_before_it_is_sent_is_refunded_and_one_dropped_later_is_not() {
    let (budget, recorder) = (budget(3.0), Arc::default());
    let (service, control) = retrying(&budget, &recorder);
    control.answers(failures(1).chain([Answer::Hang]));
    let mut call = task::spawn(service.clone().oneshot("hello"));
    assert_pending!(call.poll());
    assert!((balance(&budget) - 2.0).abs() < 1e-9, "paid while it waits");
    drop(call);
    assert!((balance(&budget) - 3.0).abs() < 1e-9);

    // The second answer of the script is still there: uses it up.
    let mut hanging = task::spawn(service.clone().oneshot("hello"));
    assert_pending!(hanging.poll());
    drop(hanging);

    control.answers(failures(1).chain([Answer::Hang]));
    let mut call = task::spawn(service.clone().oneshot("hello"));
    assert_pending!(call.poll());
    tokio::time::advance(Duration::from_millis(60)).await;
    assert_pending!(call.poll());
    drop(call);
    assert!((balance(&budget) - 2.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_retry_whose_turn_does_not_come_before_the_deadline_is_not_sent_and_costs_nothing() {
    let (budget, recorder) = (budget(3.0), Arc::default());
    let (mut service, control) = retrying(&budget, &recorder);
    control.answers(failures(1));
    let began = Instant::now();
    let context = CallContext::default().within(Duration::from_secs(1), began.into_std());
    let call = tokio::spawn(context.scope(service.ready().await.unwrap().call("hello")));
    control.readiness([Readiness::Blocked]);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (FailureKind::Transient, 1), "what was to be repeated");
    assert_eq!((began.elapsed(), control.counts().calls), (Duration::from_secs(1), 1));
    assert!((balance(&budget) - 3.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_call_made_too_late_earns_nothing() {
    let now = Instant::now().into_std();
    let config = RetryBudgetConfig {
        form: RetryBudgetForm::Ratio,
        ratio: 1.0,
        reserve: 3.0,
        trickle: 0.0,
        ..RetryBudgetConfig::default()
    };
    let budget = SharedRetryBudget::new(RetryBudget::new(config, now).unwrap());
    assert!(budget.with(|budget| budget.withdraw(now)));
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let attempt = AttemptTimeoutLayer::new(Duration::from_secs(1)).layer(inner);
    let policy = RetryPolicy::new(&RetryConfig::default()).unwrap().budget(budget.clone());
    let late = CallContext::default().deadline(now);
    late.scope(RetryLayer::new(policy).layer(attempt).oneshot("hello")).await.unwrap_err();
    assert_eq!(control.counts().calls, 0);
    assert!((balance(&budget) - 2.0).abs() < 1e-9, "{}", balance(&budget));
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_the_context_comes_before_the_layers() {
    let (layers, contexts, recorder) = (budget(3.0), budget(0.0), Arc::default());
    let (service, control) = retrying(&layers, &recorder);
    control.answers(failures(1));
    let context = CallContext::default().budget(contexts);
    context.scope(service.oneshot("hello")).await.unwrap_err();
    assert_eq!(control.counts().calls, 1);
    assert!((balance(&layers) - 3.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_total_outage_through_the_layer_stays_within_the_promise() {
    let config = RetryBudgetConfig::default();
    let budget = SharedRetryBudget::new(RetryBudget::new(config, Instant::now().into_std()).unwrap());
    let (service, control) = retrying(&budget, &Arc::default());
    for _ in 0..2_000 {
        service.clone().oneshot("hello").await.unwrap();
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    let before = control.counts().calls;
    control.answers(failures(100_000));
    let mut calls = vec![];
    for _ in 0..1_000 {
        calls.push(tokio::spawn(service.clone().oneshot("hello")));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    let amplification = (control.counts().calls - before) as f64 / 1_000.0;
    assert!(amplification <= 1.11 && amplification > 1.08, "{amplification}");
}
