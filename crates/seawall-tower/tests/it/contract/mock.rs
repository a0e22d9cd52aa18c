//! Over `tower_test::mock`, whose handle decides when it is ready and what it answers.

use seawall_core::{Error, FailureKind};
use tower::ServiceExt;
use tower_test::mock::{self, Handle};

use super::layers::LAYERS;
use super::{BackPressure, Guarded, Layer, a_moment, boxed, ended, from_box, passing_on, patient};

fn over_mock(layer: &Layer) -> (Guarded, Handle<&'static str, &'static str>) {
    let (mock, handle) = mock::pair();
    (layer.over(boxed(mock.map_err(from_box))), handle)
}

#[tokio::test(start_paused = true)]
async fn the_mock_gets_each_request_and_its_caller_the_answer() {
    for layer in LAYERS {
        let (service, mut mock) = over_mock(layer);
        for (request, answer) in [("one", "first"), ("two", "second")] {
            let call = tokio::spawn(service.clone().oneshot(request));
            let (received, reply) = ended(mock.next_request(), layer.name).await.unwrap();
            assert_eq!(received, request, "{}", layer.name);
            reply.send_response(answer);
            assert_eq!(ended(call, layer.name).await.unwrap().unwrap(), answer, "{}", layer.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_wait_until_the_mock_allows_them_one_by_one() {
    for layer in patient() {
        let (service, mut mock) = over_mock(layer);
        mock.allow(0);
        let calls = ["one", "two", "three"].map(|request| tokio::spawn(service.clone().oneshot(request)));
        a_moment().await;
        assert!(mock.poll_request().is_pending(), "{}", layer.name);
        for _ in &calls {
            mock.allow(1);
            let (received, reply) = ended(mock.next_request(), layer.name).await.unwrap();
            reply.send_response(received);
        }
        mock.allow(3);
        for (call, request) in calls.into_iter().zip(["one", "two", "three"]) {
            assert_eq!(ended(call, layer.name).await.unwrap().unwrap(), request, "{}", layer.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_sheds_does_not_wait_for_the_mock() {
    for layer in LAYERS.iter().filter(|layer| layer.back_pressure == BackPressure::Shed) {
        let (service, mut mock) = over_mock(layer);
        mock.allow(0);
        let refused = service.clone().oneshot("hello").await.unwrap_err();
        assert_eq!(refused.kind(), FailureKind::Refused, "{}", layer.name);
        assert!(mock.poll_request().is_pending(), "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_mock_reaches_the_caller() {
    for layer in LAYERS {
        let (service, mut mock) = over_mock(layer);
        let call = tokio::spawn(service.oneshot("hello"));
        let (_, reply) = ended(mock.next_request(), layer.name).await.unwrap();
        reply.send_error(Error::new(FailureKind::Permanent, "mock", "broken"));
        let error = ended(call, layer.name).await.unwrap().unwrap_err();
        assert_eq!(error.name(), "broken", "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mock_that_fails_or_goes_away_while_it_is_waited_for_ends_the_wait() {
    for layer in passing_on() {
        let (mut service, mut mock) = over_mock(layer);
        mock.allow(0);
        let waiting = tokio::spawn(async move { service.ready().await.map(|_| ()) });
        a_moment().await;
        mock.send_error(Error::new(FailureKind::Permanent, "mock", "broken"));
        let error = ended(waiting, layer.name).await.unwrap().unwrap_err();
        assert_eq!(error.name(), "broken", "{}", layer.name);
    }
    for layer in patient() {
        let (service, mut mock) = over_mock(layer);
        mock.allow(0);
        let call = tokio::spawn(service.oneshot("hello"));
        a_moment().await;
        drop(mock);
        assert!(ended(call, layer.name).await.unwrap().is_err(), "{}", layer.name);
    }
}
