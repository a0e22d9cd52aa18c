//! Readiness: asked for before each call, held by one instance, stable, passed on and given back.

use seawall_core::{Error, FailureKind};
use seawall_testkit::hostile::Readiness;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Service, ServiceExt};

use super::layers::LAYERS;
use super::{BackPressure, a_moment, ended, hostile, passing_on, patient};

#[tokio::test(start_paused = true)]
async fn an_inner_service_is_called_only_when_it_is_ready() {
    for layer in patient() {
        let (inner, control) = hostile();
        let mut service = layer.over(inner);
        for request in ["first", "second", "third"] {
            control.readiness([Readiness::Pending(2)]);
            let answer = service.ready().await.unwrap().call(request).await;
            assert_eq!(answer.unwrap(), request, "{}", layer.name);
        }
        assert_eq!(control.counts().calls, 3, "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_not_ready_and_does_not_take_the_readiness_of_the_original() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        let mut original = layer.over(inner);
        original.ready().await.unwrap();
        let mut clone = original.clone();
        let polls = control.counts().polls;
        let answer = clone.ready().await.unwrap().call("clone").await;
        assert_eq!(answer.unwrap(), "clone", "{}", layer.name);
        assert!(control.counts().polls > polls, "{}: the clone asked for itself", layer.name);
        assert_eq!(original.call("original").await.unwrap(), "original", "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn readiness_is_stable_over_repeated_polls() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        let mut service = layer.over(inner);
        for _ in 0..5 {
            service.ready().await.unwrap();
        }
        assert_eq!(control.counts().holding, usize::from(reserves(layer)), "{}", layer.name);
        service.call("once").await.unwrap();
        layer.settle().await;
        assert_eq!(control.counts().holding, 0, "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_ready_service_gives_its_readiness_back() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        let mut service = layer.over(inner);
        service.ready().await.unwrap();
        let held = control.counts().holding;
        drop(service);
        let counts = control.counts();
        assert_eq!((counts.holding, counts.released), (0, held as u64), "{}", layer.name);
        assert_eq!(counts.instances, 0, "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn back_pressure_passes_through_and_ends_with_a_wake_up() {
    for layer in passing_on() {
        let (inner, control) = hostile();
        control.readiness([Readiness::Blocked]);
        let mut service = layer.over(inner);
        let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
        assert_pending!(ready.poll(), "{}", layer.name);
        control.unblock();
        assert!(ready.is_woken(), "{}", layer.name);
        assert_ready_ok!(ready.poll(), "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_out_back_pressure_wherever_it_does() {
    for layer in patient() {
        let (inner, control) = hostile();
        control.readiness([Readiness::Blocked]);
        let call = tokio::spawn(layer.over(inner).oneshot("hello"));
        a_moment().await;
        assert!(!call.is_finished(), "{}", layer.name);
        control.unblock();
        assert_eq!(ended(call, layer.name).await.unwrap().unwrap(), "hello", "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_sheds_refuses_what_would_have_to_wait() {
    for layer in LAYERS.iter().filter(|layer| layer.back_pressure == BackPressure::Shed) {
        let (inner, control) = hostile();
        control.readiness([Readiness::Blocked]);
        let service = layer.over(inner);
        let error = service.clone().oneshot("hello").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Refused, "{}", layer.name);
        assert!(!error.may_have_executed(), "{}", layer.name);
        control.unblock();
        assert_eq!(service.oneshot("hello").await.unwrap(), "hello", "{}", layer.name);
        assert_eq!(control.counts().calls, 1, "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_passes_through() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
        let error = layer.over(inner).oneshot("hello").await.unwrap_err();
        assert_eq!(error.name(), "gone", "{}", layer.name);
    }
    for layer in passing_on() {
        let (inner, control) = hostile();
        control.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "gone"))]);
        let mut service = layer.over(inner);
        let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
        let error = assert_ready_err!(ready.poll(), "{}", layer.name);
        assert_eq!(error.name(), "gone", "{}", layer.name);
    }
}

/// Whether a layer that is ready holds readiness of the inner service.
fn reserves(layer: &super::Layer) -> bool {
    layer.back_pressure != BackPressure::WaitedFor
}
