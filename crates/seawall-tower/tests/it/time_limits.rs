use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind};
use seawall_testkit::hostile::{Answer, HostileService, Readiness};
use seawall_tower::{AttemptTimeoutLayer, DeadlineLayer};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::recorder::Recorder;

const SECOND: Duration = Duration::from_secs(1);

fn within(time: Duration) -> CallContext {
    CallContext::default().within(time, Instant::now().into_std())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_runs_over_is_cut_and_says_so() {
    let recorder = Arc::new(Recorder::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Hang]);
    let service = DeadlineLayer::new(2 * SECOND).identity(recorder.identity()).layer(inner);
    let error = service.oneshot("hello").await.unwrap_err();
    assert_eq!(error.to_string(), "deadline `target`: the call ran out of time");
    assert_eq!((error.kind(), error.elapsed()), (FailureKind::Timeout, 2 * SECOND));
    assert!(error.may_have_executed());
    assert_eq!(recorder.of("deadline"), [Event::TimedOut { after: 2 * SECOND }]);
    assert_eq!(control.counts().dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unhurried_call_is_cut_by_the_deadline_of_its_context_only() {
    let slow = service_fn(async |_: &str| {
        tokio::time::sleep(20 * SECOND).await;
        Ok::<_, Error>("done")
    });
    let layers = ServiceBuilder::new()
        .layer(DeadlineLayer::new(5 * SECOND))
        .layer(AttemptTimeoutLayer::new(2 * SECOND));
    let stack = || layers.clone().service(slow);
    assert!(stack().oneshot("hello").await.is_err());
    let answer = CallContext::default().unhurried().scope(stack().oneshot("hello")).await;
    assert_eq!(answer.unwrap(), "done");
    let begun = Instant::now();
    within(10 * SECOND).unhurried().scope(stack().oneshot("hello")).await.unwrap_err();
    assert_eq!(begun.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_has_passed_is_refused_without_touching_the_inner_service() {
    let context = within(SECOND);
    tokio::time::advance(SECOND).await;
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let deadline = DeadlineLayer::new(30 * SECOND).layer(inner.clone());
    let attempt = AttemptTimeoutLayer::new(30 * SECOND).layer(inner);
    for error in [
        context.clone().scope(deadline.oneshot("hello")).await.unwrap_err(),
        context.scope(attempt.oneshot("hello")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), FailureKind::Refused);
        assert!(!error.may_have_executed());
    }
    assert_eq!(control.counts().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_limit_and_context_counts_and_is_what_the_inner_service_sees() {
    for (limit, context, seen) in [(5, 2, 2), (2, 5, 2)] {
        let seen_by_inner = || {
            service_fn(|()| async {
                let now = Instant::now().into_std();
                Ok::<_, Error>(CallContext::current().remaining(now))
            })
        };
        let deadline = DeadlineLayer::new(limit * SECOND).layer(seen_by_inner());
        let attempt = AttemptTimeoutLayer::new(limit * SECOND).layer(seen_by_inner());
        let left = within(context * SECOND).scope(deadline.oneshot(())).await.unwrap();
        assert_eq!(left, Some(seen * SECOND));
        let left = within(context * SECOND).scope(attempt.oneshot(())).await.unwrap();
        assert_eq!(left, Some(seen * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_readiness_is_part_of_the_call() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.readiness([Readiness::Blocked]);
    let began = Instant::now();
    let error = DeadlineLayer::new(2 * SECOND).layer(inner).oneshot("hello").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert!(!error.may_have_executed());
    assert_eq!(began.elapsed(), 2 * SECOND);
    assert_eq!(control.counts().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_waited_in_vain_leaves_its_place_in_the_queue_to_others() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Ok("long").after(2 * SECOND)]);
    let service =
        ServiceBuilder::new().layer(DeadlineLayer::new(3 * SECOND)).concurrency_limit(1).service(inner);
    let holder = tokio::spawn(service.clone().oneshot("hello"));
    tokio::task::yield_now().await;
    // A connection that lives for long, and idles after its call.
    let mut idle = service.clone();
    let given_up = within(SECOND).scope(async { idle.ready().await.unwrap().call("hello").await }).await;
    assert_eq!(given_up.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(holder.await.unwrap().unwrap(), "long");
    assert_eq!(service.oneshot("next").await.unwrap(), "next");
    drop(idle);
}

#[tokio::test(start_paused = true)]
async fn time_spent_waiting_for_readiness_is_missing_afterwards() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.readiness([Readiness::Blocked]);
    control.answers([Answer::Hang]);
    let call = tokio::spawn(DeadlineLayer::new(3 * SECOND).layer(inner).oneshot("hello"));
    tokio::time::sleep(2 * SECOND).await;
    control.unblock();
    let began = Instant::now();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((began.elapsed(), error.elapsed()), (SECOND, 3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_waited_once_and_then_idled_has_its_whole_time() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.readiness([Readiness::Pending(1)]);
    let mut service = DeadlineLayer::new(SECOND).layer(inner);
    service.ready().await.unwrap();
    tokio::time::advance(60 * SECOND).await;
    assert_eq!(service.call("hello").await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_last_moment_counts() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Ok("just"), Answer::Ok("in time")].map(|answer| answer.after(SECOND)));
    let deadline = DeadlineLayer::new(SECOND).layer(inner.clone());
    assert_eq!(deadline.oneshot("hello").await.unwrap(), "just");
    let attempt = AttemptTimeoutLayer::new(SECOND).layer(inner);
    assert_eq!(attempt.oneshot("hello").await.unwrap(), "in time");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_and_without_a_context_there_is_none() {
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Ok("late"), Answer::Ok("late")].map(|answer| answer.after(1_000_000 * SECOND)));
    let deadline = DeadlineLayer::optional(None).layer(inner.clone());
    assert_eq!(deadline.oneshot("hello").await.unwrap(), "late");
    let attempt = AttemptTimeoutLayer::optional(None).layer(inner);
    assert_eq!(attempt.oneshot("hello").await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_runs_over_is_a_timeout_that_may_have_executed() {
    let recorder = Arc::new(Recorder::default());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    control.answers([Answer::Hang]);
    let service = AttemptTimeoutLayer::new(SECOND).identity(recorder.identity()).layer(inner);
    let error = service.oneshot("hello").await.unwrap_err();
    assert_eq!((error.layer(), error.kind()), ("attempt_timeout", FailureKind::Timeout));
    assert!(error.may_have_executed());
    assert_eq!(recorder.of("attempt_timeout"), [Event::TimedOut { after: SECOND }]);
}
