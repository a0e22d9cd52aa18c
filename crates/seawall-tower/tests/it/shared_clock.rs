//! The layers of a stack share their readings of the clock within one pass, and never beyond.

use std::future::{Future, poll_fn};
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use seawall_core::{CallContext, CircuitBreakerConfig, CircuitState, Error, RolloutConfig};
use seawall_tower::{
    AttemptTimeoutLayer, Balance, BalanceConfig, BalanceHandle, CircuitBreakerHandle, CircuitBreakerLayer,
    DeadlineLayer, Identity, Rollout, RolloutHandle,
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
        ..CircuitBreakerConfig::eager()
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

/// Its breaker reads the clock on the way out; what it spends after that is foreign to the stack.
fn reads_the_clock_and_dawdles() -> impl Service<(), Response = (), Error = Error, Future: Send> + Clone {
    let inner = CircuitBreakerLayer::new(breaker(60 * SECOND)).layer(service_fn(|()| async {
        tokio::task::yield_now().await;
        Ok::<_, Error>(())
    }));
    service_fn(move |()| {
        let mut call = Box::pin(inner.clone().call(()));
        poll_fn(move |cx| {
            let polled = call.as_mut().poll(cx);
            if polled.is_ready() {
                pass_at_once(SECOND);
            }
            polled
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_balance_takes_the_reading_that_the_stack_within_has_made() {
    let endpoints = [("one", reads_the_clock_and_dawdles())];
    let handle = BalanceHandle::new(Identity::default(), &BalanceConfig::default(), endpoints).unwrap();
    Balance::new(handle.clone()).oneshot(()).await.unwrap();
    assert_eq!(handle.endpoints()[0].latency, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_takes_the_reading_that_its_stack_has_made() {
    let config = RolloutConfig {
        weight: 1.0,
        slow_call_duration: SECOND,
        minimum_number_of_calls: const { NonZeroU32::MIN },
        ..RolloutConfig::default()
    };
    let handle = RolloutHandle::new(Identity::default(), &config).unwrap();
    let service = reads_the_clock_and_dawdles();
    Rollout::new(handle.clone(), service.clone(), service).oneshot(()).await.unwrap();
    assert!(!handle.is_rolled_back(), "by that reading it was not slow");
}
