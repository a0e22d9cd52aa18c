//! Dropping is cancelling: at any point, of anything, and nothing stays behind.

use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_testkit::hostile::{Answer, Readiness};
use tokio_test::task;
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};

use super::layers::LAYERS;
use super::{Control, Layer, boxed, ended, hostile, passing_on, patient, recovers};

const STEP: Duration = Duration::from_millis(5);

/// Two slow failures and a slow answer: as many points to stop at as there are.
fn slow_answers(control: &Control) {
    let slow = |answer: Answer<&'static str, Error>| answer.after(4 * STEP);
    control.answers([
        slow(Answer::failure(FailureKind::Transient)),
        slow(Answer::failure(FailureKind::Timeout)),
        slow(Answer::Ok("done")),
    ]);
}

/// Polls a call so many times, letting some time pass after each, and drops it. Says whether it had not ended.
async fn drop_after<F: Future>(polls: usize, call: F) -> bool {
    let mut call = task::spawn(call);
    for _ in 0..polls {
        if call.poll().is_ready() {
            return false;
        }
        tokio::time::advance(STEP).await;
    }
    true
}

/// Drops calls through `layer` at every point, where the inner service is or is not ready at once.
pub(crate) async fn leaves_nothing_behind(layer: &Layer, readiness: &[u32]) {
    let name = layer.name;
    let mut dropped_while_pending = 0;
    for polls in 0..60 {
        let (inner, control) = hostile();
        control.readiness(readiness.iter().map(|times| Readiness::Pending(*times)));
        slow_answers(&control);
        let service = layer.over(inner);
        dropped_while_pending += u32::from(drop_after(polls, service.clone().oneshot("hello")).await);
        layer.settle().await;
        let counts = control.counts();
        assert_eq!((counts.in_flight, counts.holding), (0, 0), "{name} dropped after {polls} polls");
        assert_eq!(counts.calls, counts.completed + counts.dropped, "{name} dropped after {polls} polls");

        drop(service);
        assert_eq!(control.counts().instances, 0, "{name} dropped after {polls} polls");
    }
    assert!(dropped_while_pending >= 5, "{name}: only {dropped_while_pending} points to stop at");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_leaves_nothing_behind() {
    for layer in LAYERS {
        leaves_nothing_behind(layer, &[]).await;
    }
    for layer in patient() {
        leaves_nothing_behind(layer, &[2, 2, 2]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_readiness_can_be_dropped_at_any_point() {
    for layer in passing_on() {
        for polls in 0..5 {
            let (inner, control) = hostile();
            control.readiness([Readiness::Pending(3)]);
            let mut service = layer.over(inner);
            drop_after(polls, async { service.ready().await.map(|_| ()) }).await;
            let answer = service.ready().await.unwrap().call("hello").await;
            assert_eq!(answer.unwrap(), "hello", "{} dropped after {polls} polls", layer.name);
            assert_eq!(control.counts().holding, 0, "{} dropped after {polls} polls", layer.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_waits_for_readiness_can_be_dropped_at_any_point() {
    for layer in LAYERS {
        for polls in 0..5 {
            let (inner, control) = hostile();
            control.readiness([Readiness::Pending(3)]);
            let mut service = layer.over(inner);
            drop_after(polls, async move { service.ready().await.map(|_| ()) }).await;
            let counts = control.counts();
            assert_eq!((counts.holding, counts.instances), (0, 0), "{} after {polls} polls", layer.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_clone_takes_nothing_from_the_original() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        let mut original = layer.over(inner);
        original.ready().await.unwrap();
        let held = control.counts().holding;
        let mut clone = original.clone();
        clone.ready().await.unwrap();
        drop(clone);
        assert_eq!(control.counts().holding, held, "{}", layer.name);
        assert_eq!(original.call("original").await.unwrap(), "original", "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_outlives_the_service_it_was_made_by() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        control.answers([Answer::Ok("late").after(4 * STEP)]);
        let mut service = layer.over(inner);
        let call = service.ready().await.unwrap().call("hello");
        drop(service);
        assert_eq!(ended(call, layer.name).await.unwrap(), "late", "{}", layer.name);
        assert_eq!(control.counts().instances, 0, "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_gives_its_place_under_a_limit_back() {
    for layer in LAYERS {
        for polls in 0..30 {
            let (inner, control) = hostile();
            slow_answers(&control);
            let service = layer.over(boxed(ConcurrencyLimit::new(inner, 1)));
            drop_after(polls, service.clone().oneshot("dropped")).await;
            layer.settle().await;
            recovers(&service, layer.name).await;
            assert_eq!(control.counts().peak_in_flight, 1, "{} dropped after {polls} polls", layer.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_a_queue_lets_the_next_one_through() {
    for layer in LAYERS {
        for polls in 0..5 {
            let (inner, control) = hostile();
            control.answers([Answer::Ok("first").held()]);
            let service = layer.over(boxed(ConcurrencyLimit::new(inner, 1)));
            let mut first = task::spawn(service.clone().oneshot("first"));
            assert!(first.poll().is_pending(), "{}", layer.name);
            super::a_moment().await;
            drop_after(polls, service.clone().oneshot("second")).await;
            control.release(1);
            assert_eq!(ended(first, layer.name).await.unwrap(), "first", "{}", layer.name);
            let third = ended(service.clone().oneshot("third"), layer.name).await;
            assert_eq!(third.unwrap(), "third", "{} dropped after {polls} polls", layer.name);
        }
    }
}
