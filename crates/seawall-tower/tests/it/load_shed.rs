//! Load shedding: refuses what would have to wait, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Error, Event, FailureKind, Refusal};
use seawall_testkit::hostile::{Answer, HostileService, Readiness};
use seawall_tower::{Identity, LoadShed, LoadShedLayer, ServiceBuilderExt as _};
use tokio::task::coop;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::buffer::Buffer;
use tower::limit::ConcurrencyLimit;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};

use crate::recorder::Recorder;

/// Uses up what tokio lets a task do before it should yield: everything of tokio's is pending from here on.
async fn exhaust_the_budget() {
    while coop::has_budget_remaining() {
        coop::consume_budget().await;
    }
}

#[test]
fn a_refusal_says_by_whom_and_when_to_come_again_and_is_told() {
    let recorder = Arc::<Recorder>::default();
    let layer = LoadShedLayer::new().identity(recorder.identity()).retry_after(Duration::from_secs(2));
    let (inner, control) = HostileService::<(), (), Error>::echo();
    control.readiness([Readiness::Blocked]);
    let error = assert_ready_err!(task::spawn(layer.layer(inner).oneshot(())).poll());
    assert_eq!((error.kind(), error.layer(), error.name()), (FailureKind::Refused, "load_shed", "target"));
    assert!(!error.may_have_executed());
    assert_eq!(error.to_string(), "load_shed `target`: the service is at its capacity, try again in 2s");
    let retry_after = Some(Duration::from_secs(2));
    let reason = "the service is at its capacity";
    assert_eq!(recorder.of("load_shed"), [Event::Refused { reason, retry_after }]);
    assert_eq!(control.counts().calls, 0);
}

#[test]
fn a_service_that_becomes_ready_before_the_call_is_called() {
    let (inner, control) = HostileService::<(), (), Error>::echo();
    control.readiness([Readiness::Pending(1)]);
    let mut service = task::spawn(LoadShedLayer::new().layer(inner));
    assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
    assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
    assert_ready_ok!(task::spawn(service.call(())).poll());
}

#[test]
fn a_clone_knows_nothing_of_the_readiness_of_the_original() {
    let (inner, control) = HostileService::<(), (), Error>::echo();
    let mut original = task::spawn(LoadShedLayer::new().layer(inner));
    assert_ready_ok!(original.enter(|cx, mut service| service.poll_ready(cx)));
    let mut clone = LoadShed::clone(&original);
    // Not asked, so not known to be ready: the inner service must not be called.
    assert_ready_err!(task::spawn(clone.call(())).poll());
    assert_ready_ok!(task::spawn(original.call(())).poll());
    assert_eq!(control.counts().calls, 1);
}

#[tokio::test]
async fn a_task_that_has_run_for_long_is_not_mistaken_for_a_full_service() {
    let (inner, _control) = HostileService::<u32, u32, BoxError>::echo();
    let roomy = Buffer::new(inner, 4);

    exhaust_the_budget().await;
    let towers = tower::load_shed::LoadShed::new(roomy.clone());
    assert!(towers.oneshot(1).await.is_err(), "tower's refuses though there is room: what we guard against");

    exhaust_the_budget().await;
    assert_eq!(LoadShedLayer::new().layer(roomy).oneshot(1).await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_service_is_refused_by_a_task_that_has_run_for_long_too() {
    let (inner, control) = HostileService::<u32, u32, BoxError>::echo();
    control.answers([Answer::Hang]);
    let service = LoadShedLayer::new().layer(ConcurrencyLimit::new(inner, 1));
    let _under_way = tokio::spawn(service.clone().oneshot(1));
    tokio::task::yield_now().await;
    exhaust_the_budget().await;
    let refused = service.oneshot(2).await.unwrap_err();
    assert_eq!(refused.downcast_ref::<Refusal>().unwrap().layer(), "load_shed");
}

#[test]
fn a_clone_that_was_refused_keeps_no_place_from_the_others() {
    let busy = |answers: &seawall_testkit::hostile::Hostile<u32, BoxError>| {
        answers.answers([Answer::Ok(1).held()]);
    };
    // Tower's: the idle clone is handed the place, and everybody else is refused for ever.
    let (inner, control) = HostileService::<u32, u32, BoxError>::echo();
    busy(&control);
    let service = tower::load_shed::LoadShed::new(ConcurrencyLimit::new(inner, 1));
    let mut first = task::spawn(service.clone().oneshot(1));
    assert_pending!(first.poll());
    let mut idle = task::spawn(service.clone());
    assert_ready_ok!(idle.enter(|cx, mut service| service.poll_ready(cx)));
    assert!(task::spawn(idle.call(2)).poll().is_ready());
    control.release(1);
    assert_ready_ok!(first.poll());
    drop(first);
    assert_ready_err!(task::spawn(service.oneshot(3)).poll());

    let (inner, control) = HostileService::<u32, u32, BoxError>::echo();
    busy(&control);
    let service = LoadShedLayer::new().layer(ConcurrencyLimit::new(inner, 1));
    let mut first = task::spawn(service.clone().oneshot(1));
    assert_pending!(first.poll());
    let mut idle = task::spawn(service.clone());
    assert_ready_ok!(idle.enter(|cx, mut service| service.poll_ready(cx)));
    assert_ready_err!(task::spawn(idle.call(2)).poll());
    control.release(1);
    assert_ready_ok!(first.poll());
    drop(first);
    assert_eq!(assert_ready_ok!(task::spawn(service.oneshot(3)).poll()), 3);
}

#[tokio::test]
async fn a_caller_that_asks_again_and_again_lets_the_others_run() {
    let (inner, control) = HostileService::<u32, u32, Error>::echo();
    control.answers([Answer::Ok(1).held()]);
    let service = ServiceBuilder::new().shed_load().layer(tower::limit::ConcurrencyLimitLayer::new(1));
    let service = service.service(inner);
    let under_way = tokio::spawn(service.clone().oneshot(1));
    tokio::task::yield_now().await;
    control.release(1);
    // On one thread: the call under way ends only if this loop yields.
    let refused = 10_000;
    for _ in 0..refused {
        if service.clone().oneshot(2).await.is_ok() {
            assert_eq!(under_way.await.unwrap().unwrap(), 1);
            return;
        }
    }
    panic!("refused {refused} times while the call under way got no time to end");
}

#[test]
fn an_identity_given_late_is_the_one_that_counts() {
    let layer = LoadShedLayer::new().identity(Identity::new("early"));
    let (inner, control) = HostileService::<(), (), Error>::echo();
    control.readiness([Readiness::Blocked]);
    let service = layer.clone().identity(Identity::new("late")).layer(inner);
    assert_eq!(assert_ready_err!(task::spawn(service.oneshot(())).poll()).name(), "late");
}
