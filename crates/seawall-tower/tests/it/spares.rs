//! Instances that calls leave behind for the next ones.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use seawall_tower::concurrency_limit::{
    ConcurrencyLimitConfig, ConcurrencyLimitHandle, ConcurrencyLimitLayer,
};
use seawall_tower::{DeadlineLayer, Identity, Spares};
use tower::{Layer, Service};

/// Echoes what it may, and counts how often it was cloned.
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Service<Result<u32, &'static str>> for Counted {
    type Response = u32;
    type Error = &'static str;
    type Future = std::future::Ready<Result<u32, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Result<u32, &'static str>) -> Self::Future {
        std::future::ready(request)
    }
}

#[tokio::test]
async fn an_instance_whose_call_was_answered_makes_the_next_one_and_no_other_does() {
    let clones = Arc::new(AtomicUsize::new(0));
    let spares = Spares::new(Counted(Arc::clone(&clones)));
    for number in 0..3 {
        assert_eq!(spares.call(Ok(number)).await, Ok(number));
        assert_eq!((spares.len(), clones.load(Relaxed)), (1, 1));
    }
    assert_eq!(spares.call(Err("refused")).await, Err("refused"));
    assert!(
        spares.is_empty(),
        "a layer may have refused the call, and then those within still hold something"
    );
    drop(spares.call(Ok(4)));
    assert!(spares.is_empty());
}

#[tokio::test]
async fn of_layers_that_nothing_is_known_of_no_instance_is_kept() {
    let clones = Arc::new(AtomicUsize::new(0));
    let spares = Spares::none(Counted(Arc::clone(&clones)));
    for number in 1..4 {
        assert_eq!(spares.call(Ok(0)).await, Ok(0));
        assert_eq!((spares.len(), clones.load(Relaxed)), (0, number));
    }
}

#[test]
fn no_more_are_kept_than_calls_are_under_way_on_a_thread() {
    let spares = Spares::new(());
    for _ in 0..1000 {
        spares.keep(());
    }
    assert_eq!(spares.len(), 64);
}

#[test]
fn each_thread_finds_what_it_has_left_behind() {
    let spares = Spares::new(0);
    let (left, taken) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        for number in 1..=2 {
            let (spares, left, taken) = (&spares, &left, &taken);
            scope.spawn(move || {
                spares.keep(number);
                left.wait();
                assert_eq!(spares.take(), number);
                taken.wait();
            });
        }
    });
    assert!(spares.is_empty());
}

#[tokio::test]
async fn what_a_refused_call_had_reserved_is_free_for_others() {
    let limit = ConcurrencyLimitConfig::fixed(NonZeroU32::MIN);
    let limit = ConcurrencyLimitHandle::new(Identity::new("backend"), &limit).unwrap();
    let echo = tower::service_fn(async |number: u32| Ok::<_, Error>(number));
    let limited = ConcurrencyLimitLayer::new(limit.clone()).layer(echo);
    let spares = Spares::new(DeadlineLayer::new(Duration::from_hours(1)).layer(limited));
    assert_eq!(spares.call(1).await.unwrap(), 1);

    // By now it is too late for a call, which is found out only once the limit has given its permit.
    let passed = CallContext::default().within(Duration::ZERO, tokio::time::Instant::now().into_std());
    let refused = passed.scope(spares.call(2)).await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Refused);
    assert_eq!(limit.in_flight(), 0);
    assert!(spares.is_empty());
    assert_eq!(spares.call(3).await.unwrap(), 3);
}
