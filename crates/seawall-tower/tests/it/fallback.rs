//! Fallback: who answers, for which failures, and what is left when nobody can.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, Outcome, Refusal};
use seawall_testkit::hostile::{Answer, Hostile, HostileService, Readiness};
use seawall_tower::fallback::{self, FallbackAction, FallbackLayer};
use tokio_test::{assert_ready, task};
use tower::{Layer, Service, ServiceExt};

use crate::recorder::Recorder;

type Inner = HostileService<&'static str, &'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);
const OVERLOADED: FailureKind = FailureKind::Overloaded { retry_after: None };

fn failing(kinds: &[FailureKind]) -> (Inner, Hostile<&'static str, Error>) {
    let (inner, control) = HostileService::echo();
    control.answers(kinds.iter().map(|kind| Answer::failure(*kind)));
    (inner, control)
}

/// What one call comes to where the inner service fails by `kind` and the value `"fallen back"` is there.
async fn answer_for(kind: FailureKind, when: Option<fn(FailureKind) -> bool>) -> Result<&'static str, Error> {
    let (inner, _control) = failing(&[kind]);
    let layer = FallbackLayer::new(fallback::value("fallen back"));
    let layer = match when {
        Some(when) => layer.when(when),
        None => layer,
    };
    layer.layer(inner).oneshot("hello").await
}

#[tokio::test]
async fn a_success_is_left_alone() {
    let recorder = Arc::<Recorder>::default();
    let (inner, _control) = failing(&[]);
    let layer = FallbackLayer::new(fallback::value("fallen back")).identity(recorder.identity());
    assert_eq!(layer.layer(inner).oneshot("hello").await.unwrap(), "hello");
    assert_eq!(recorder.of("fallback"), []);
}

#[tokio::test]
async fn a_value_answers_in_place_of_a_failure_and_that_is_told() {
    let recorder = Arc::<Recorder>::default();
    let (inner, _control) = failing(&[FailureKind::Timeout]);
    let layer = FallbackLayer::new(fallback::value("fallen back")).identity(recorder.identity());
    assert_eq!(layer.layer(inner).oneshot("hello").await.unwrap(), "fallen back");
    assert_eq!(recorder.of("fallback"), [Event::FellBack { kind: FailureKind::Timeout }]);
}

#[tokio::test]
async fn failures_of_the_way_are_answered_for_and_answers_of_the_backend_are_not() {
    for kind in [FailureKind::Transient, FailureKind::Timeout, OVERLOADED, FailureKind::Refused] {
        assert_eq!(answer_for(kind, None).await.unwrap(), "fallen back", "{kind:?}");
    }
    for kind in [FailureKind::Permanent, FailureKind::Cancelled] {
        assert_eq!(answer_for(kind, None).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn the_user_says_which_kinds_but_a_cancelled_call_is_never_answered() {
    assert_eq!(answer_for(FailureKind::Permanent, Some(|_| true)).await.unwrap(), "fallen back");
    assert!(answer_for(FailureKind::Cancelled, Some(|_| true)).await.is_err());
    let only_refusals: fn(_) -> _ = |kind| kind == FailureKind::Refused;
    assert!(answer_for(FailureKind::Transient, Some(only_refusals)).await.is_err());
    assert!(answer_for(FailureKind::Refused, Some(only_refusals)).await.is_ok());
}

#[tokio::test]
async fn a_function_sees_the_failure_and_may_answer_or_fail_otherwise() {
    let (inner, _control) = failing(&[FailureKind::Transient, FailureKind::Timeout]);
    let recorder = Arc::<Recorder>::default();
    let action = fallback::function(|failed: Result<&'static str, Error>| match failed {
        Err(error) if error.kind() == FailureKind::Transient => Ok("a guess"),
        _ => Err(Error::new(FailureKind::Permanent, "fallback", "no guess")),
    });
    let service = FallbackLayer::new(action).identity(recorder.identity()).layer(inner);
    assert_eq!(service.clone().oneshot("hello").await.unwrap(), "a guess");
    assert_eq!(service.oneshot("hello").await.unwrap_err().name(), "no guess");
    assert_eq!(recorder.of("fallback"), [Event::FellBack { kind: FailureKind::Transient }]);
}

#[tokio::test]
async fn a_function_of_the_request_sees_both() {
    let (inner, _control) = failing(&[FailureKind::Transient]);
    let action = fallback::with_request(|request, failed: Result<&'static str, Error>| async move {
        tokio::task::yield_now().await;
        assert_eq!(failed.unwrap_err().kind(), FailureKind::Transient);
        Ok(request)
    });
    assert_eq!(FallbackLayer::new(action).layer(inner).oneshot("hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn another_service_answers_and_is_readied_only_then() {
    let (inner, control) = failing(&[]);
    let (other, other_control) = HostileService::<_, _, Error>::new(|_| Answer::Ok("the other"));
    let mut service = FallbackLayer::new(fallback::service(other)).layer(inner);
    assert_eq!(service.ready().await.unwrap().call("hello").await.unwrap(), "hello");
    assert_eq!(other_control.counts().polls, 0);

    control.answers([Answer::failure(FailureKind::Refused)]);
    other_control.readiness([Readiness::Pending(2)]);
    assert_eq!(service.ready().await.unwrap().call("hello").await.unwrap(), "the other");
    let counts = other_control.counts();
    assert_eq!((counts.polls, counts.calls, counts.holding, counts.in_flight), (3, 1, 0, 0));
}

#[tokio::test]
async fn a_fallback_service_that_fails_too_leaves_the_first_failure() {
    let recorder = Arc::<Recorder>::default();
    for readiness in [None, Some("its readiness fails")] {
        let (inner, _control) = failing(&[FailureKind::Timeout]);
        // Its errors may be of another type.
        let (other, other_control) =
            HostileService::<_, &'static str, &'static str>::new(|_| Answer::Err("no"));
        other_control.readiness(readiness.map(Readiness::Err));
        let layer = FallbackLayer::new(fallback::service(other)).identity(recorder.identity());
        let error = layer.layer(inner).oneshot("hello").await.unwrap_err();
        assert_eq!((error.kind(), error.layer()), (FailureKind::Timeout, "hostile"));
    }
    assert_eq!(recorder.of("fallback"), [], "nobody fell back on anything");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_fallback_service_ends_at_the_deadline_with_the_first_failure() {
    for (readiness, answer) in [(Some(Readiness::Blocked), None), (None, Some(Answer::Hang))] {
        let (inner, _control) = failing(&[FailureKind::Transient]);
        let (other, other_control) = HostileService::<&str, &str, Error>::echo();
        other_control.readiness(readiness);
        other_control.answers(answer);
        let service = FallbackLayer::new(fallback::service(other)).layer(inner);
        let began = tokio::time::Instant::now();
        let context = CallContext::default().within(SECOND, began.into_std());
        let call = context.scope(service.oneshot("hello"));
        let error = tokio::time::timeout(60 * SECOND, call).await.expect("the wait ends").unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (FailureKind::Transient, SECOND));
        assert_eq!(other_control.counts().in_flight, 0);
    }
}

#[tokio::test]
async fn a_response_that_is_classified_as_a_failure_is_replaced_too() {
    let (inner, control) = HostileService::<u16, u16, Error>::echo();
    let by_status = |result: Result<&u16, &Error>| match result {
        Ok(503) => Outcome::failure(OVERLOADED),
        _ => Outcome::Success,
    };
    let layer = FallbackLayer::new(fallback::value(200)).classifier(by_status);
    assert_eq!(layer.layer(inner.clone()).oneshot(503).await.unwrap(), 200);
    assert_eq!(layer.layer(inner).oneshot(404).await.unwrap(), 404);
    assert_eq!(control.counts().calls, 2);
}

#[tokio::test]
async fn an_action_may_leave_a_call_without_a_fallback() {
    struct OnlyReads;
    impl FallbackAction<&'static str, &'static str, Error> for OnlyReads {
        type Kept = ();
        type Future = std::future::Ready<Result<&'static str, Error>>;

        fn keep(&self, request: &&'static str) -> Option<()> {
            (*request == "read").then_some(())
        }

        fn answer(&self, (): (), _: Result<&'static str, Error>) -> Self::Future {
            std::future::ready(Ok("an old copy"))
        }
    }
    let (inner, _control) = failing(&[FailureKind::Transient, FailureKind::Transient]);
    let service = FallbackLayer::new(OnlyReads).layer(inner);
    assert_eq!(service.clone().oneshot("read").await.unwrap(), "an old copy");
    assert!(service.oneshot("write").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_falls_back_leaves_nothing_behind() {
    for polls in 0..8 {
        let (inner, control) = HostileService::<&str, &str, Error>::echo();
        let (other, other_control) = HostileService::<&str, &str, Error>::echo();
        control.answers([Answer::failure(FailureKind::Transient).after(SECOND)]);
        other_control.readiness([Readiness::Pending(2)]);
        other_control.answers([Answer::Ok("late").after(SECOND)]);
        let service = FallbackLayer::new(fallback::service(other)).layer(inner);
        let mut call = task::spawn(service.oneshot("hello"));
        for _ in 0..polls {
            if call.poll().is_ready() {
                break;
            }
            tokio::time::advance(SECOND / 2).await;
        }
        drop(call);
        for counts in [control.counts(), other_control.counts()] {
            assert_eq!((counts.in_flight, counts.holding, counts.instances), (0, 0, 0), "{polls} polls");
        }
    }
}

#[test]
fn a_boxed_error_is_judged_by_the_users_own_classifier() {
    let (inner, control) = HostileService::<u32, u32, tower::BoxError>::echo();
    let refusal = Refusal::new("load_shed", "billing", FailureKind::Refused, "full");
    control.answers([Answer::Err(refusal.into()), Answer::Err("a stranger".into())]);
    let by_refusal = |result: Result<&u32, &tower::BoxError>| match result {
        Err(error) if error.is::<Refusal>() => Outcome::failure(FailureKind::Refused),
        _ => Outcome::Success,
    };
    let service = FallbackLayer::new(fallback::value(0)).classifier(by_refusal).layer(inner);
    assert_eq!(assert_ready!(task::spawn(service.clone().oneshot(1)).poll()).unwrap(), 0);
    assert!(assert_ready!(task::spawn(service.oneshot(1)).poll()).is_err());
}
