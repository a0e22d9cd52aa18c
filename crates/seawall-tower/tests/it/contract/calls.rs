//! Calls: over at the first poll if nothing keeps them, made in their context, and survivors of a panic.

use seawall_core::{CallContext, Error};
use seawall_testkit::hostile::Answer;
use seawall_tower::{
    AttemptTimeoutLayer, CircuitBreakerLayer, ConcurrencyLimitLayer, DeadlineLayer, RetryLayer,
};
use tokio_test::{assert_ready, task};
use tower::{Layer as _, ServiceExt};

use super::layers::{LAYERS, breaker, limit, pipeline, retry_policy};
use super::{SECOND, attached, boxed, ended, hostile};

#[tokio::test]
async fn a_ready_call_is_ready_at_its_first_poll() {
    for layer in attached() {
        let (inner, _control) = hostile();
        let mut call = task::spawn(layer.over(inner).oneshot("hello"));
        let answer = assert_ready!(call.poll(), "{}", layer.name);
        assert_eq!(answer.unwrap(), "hello", "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_hands_the_context_on() {
    for layer in LAYERS {
        let inner = tower::service_fn(|_: &'static str| {
            // Both when it is called and when it is polled.
            let called = CallContext::current_deadline();
            async move {
                tokio::task::yield_now().await;
                assert_eq!(CallContext::current_deadline(), called);
                Ok::<_, Error>(if called.is_some() { "deadline" } else { "none" })
            }
        });
        let now = tokio::time::Instant::now().into_std();
        let context = CallContext::default().within(SECOND, now);
        let answer = context.scope(layer.over(boxed(inner)).oneshot("hello")).await.unwrap();
        assert_eq!(answer, "deadline", "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_outlives_a_panic_of_the_inner_service() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        control.answers([Answer::Panic]);
        let service = layer.over(inner);
        let panicked = ended(tokio::spawn(service.clone().oneshot("hello")), layer.name).await;
        // A call in a task of its own may tell of the panic as an error.
        let told = panicked.map_or_else(|panic| panic.is_panic(), |answer| layer.detaches && answer.is_err());
        assert!(told, "{}", layer.name);
        assert_eq!(service.oneshot("again").await.unwrap(), "again", "{}", layer.name);
        assert_eq!(control.counts().in_flight, 0, "{}", layer.name);
    }
}

#[test]
fn a_layer_shows_its_inner_service() {
    let mut service = DeadlineLayer::new(SECOND)
        .layer(RetryLayer::new(retry_policy()).layer(AttemptTimeoutLayer::new(SECOND).layer(5)));
    assert_eq!(*service.get_ref().get_ref().get_ref(), 5);
    *service.get_mut().get_mut().get_mut() = 6;
    assert_eq!(service.into_inner().into_inner().into_inner(), 6);

    let mut service = pipeline().layer("target").layer(5);
    *service.get_mut() += 1;
    assert_eq!(*service.get_ref(), 6);
    assert_eq!(service.into_inner(), 6);
    assert_eq!(CircuitBreakerLayer::new(breaker()).layer(7).into_inner(), 7);
    assert_eq!(ConcurrencyLimitLayer::new(limit()).layer(7).into_inner(), 7);
}
