//! The layers of a stack share their readings of the clock within one pass, and never beyond.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use seawall_core::{CallContext, CircuitBreakerConfig, CircuitState, Error};
use seawall_tower::{
    AttemptTimeoutLayer, CircuitBreakerHandle, CircuitBreakerLayer, DeadlineLayer, Identity,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// Moves the paused clock on in the middle of a pass, as a slow layer would.
fn pass_at_once(time: Duration) {
    let mut advance = pin!(tokio::time::advance(time));
    let _yields = advance.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

/// Answers with the time that the innermost service has, as seen from `began`.
fn time_left(began: Instant) -> impl Service<(), Response = Duration, Error = Error, Future: Send> + Clone {
    service_fn(move |()| {
        let deadline = CallContext::current_deadline().unwrap();
        std::future::ready(Ok(deadline - began.into_std()))
    })
}

#[tokio::test(start_paused = true)]
async fn the_layers_on_the_way_in_share_one_reading() {
    let began = Instant::now();
    let attempt = AttemptTimeoutLayer::new(5 * SECOND).layer(time_left(began));
    let between = service_fn(move |()| {
        pass_at_once(SECOND);
        attempt.clone().call(())
    });
    let mut stack = DeadlineLayer::new(60 * SECOND).layer(between);
    assert_eq!(stack.ready().await.unwrap().call(()).await.unwrap(), 5 * SECOND);
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn time_that_passes_between_two_calls_is_always_seen() {
    let began = Instant::now();
    let attempt = AttemptTimeoutLayer::new(5 * SECOND).layer(time_left(began));
    let mut stack = DeadlineLayer::new(60 * SECOND).layer(attempt);
    for passed in 0..5 {
        let left = stack.ready().await.unwrap().call(()).await.unwrap();
        assert_eq!(left, (5 + passed) * SECOND);
        pass_at_once(SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn time_that_passes_after_a_panic_in_the_inner_service_is_seen() {
    let began = Instant::now();
    let panics = service_fn(|()| -> std::future::Ready<Result<(), Error>> { panic!("in `call`") });
    let mut broken = DeadlineLayer::new(60 * SECOND).layer(panics);
    broken.ready().await.unwrap();
    let call = std::panic::AssertUnwindSafe(|| drop(broken.call(())));
    assert!(std::panic::catch_unwind(call).is_err());
    pass_at_once(SECOND);
    let mut sound = DeadlineLayer::new(60 * SECOND).layer(time_left(began));
    assert_eq!(sound.ready().await.unwrap().call(()).await.unwrap(), 61 * SECOND);
}

fn breaker(slow: Duration) -> CircuitBreakerHandle {
    let config = CircuitBreakerConfig {
        slow_call_duration: slow,
        minimum_number_of_calls: const { std::num::NonZeroU32::MIN },
        ..CircuitBreakerConfig::default()
    };
    CircuitBreakerHandle::new(Identity::default(), &config).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_spends_after_a_stack_of_its_own_is_seen_by_the_stack_around_it() {
    let inner = CircuitBreakerLayer::new(breaker(60 * SECOND)).layer(service_fn(|()| async {
        tokio::task::yield_now().await;
        Ok::<_, Error>(())
    }));
    let handler = service_fn(move |()| {
        let inner = inner.clone();
        async move {
            tokio::task::yield_now().await;
            // Its breakers read the clock, on the way in and on the way out.
            let inner = DeadlineLayer::new(60 * SECOND).layer(inner);
            inner.oneshot(()).await?;
            pass_at_once(2 * SECOND);
            Ok::<_, Error>(())
        }
    });
    let outer = breaker(SECOND);
    CircuitBreakerLayer::new(outer.clone()).layer(handler).oneshot(()).await.unwrap();
    assert_eq!(outer.state(), CircuitState::Open, "the call was slow");
}
