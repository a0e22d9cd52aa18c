use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_core::{CallContext, FailureKind};
use tokio::time::Instant;

use crate::{MINUTE, exact};

#[tokio::test(start_paused = true)]
async fn a_thousand_misses_cause_one_load_though_half_of_the_waiters_and_the_first_give_up() {
    let cache = exact();
    let loads = Arc::new(AtomicU32::new(0));
    let begin = Instant::now().into_std();
    let mut waiters = Vec::new();
    for number in 0..1000 {
        let (cache, loads) = (cache.clone(), Arc::clone(&loads));
        let patience = Duration::from_millis(if number % 2 == 0 { 50 } else { 500 });
        let waiting = async move {
            let loader = move || async move {
                loads.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(42)
            };
            cache.get_or_load("popular", MINUTE, loader).await
        };
        waiters.push(tokio::spawn(CallContext::default().within(patience, begin).scope(waiting)));
    }

    let mut served = 0;
    for (number, waiter) in waiters.into_iter().enumerate() {
        match waiter.await.unwrap() {
            Ok(value) => {
                assert_eq!((value, number % 2), (42, 1));
                served += 1;
            }
            Err(error) => assert_eq!((error.kind(), number % 2), (FailureKind::Timeout, 0), "{error}"),
        }
    }
    assert_eq!(served, 500);
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.loads, stats.load_failures, stats.entries), (1000, 1, 0, 1));
}

#[test]
fn threads_that_miss_at_the_same_moment_cause_one_load_each_time() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let cache = exact();
        for round in 0..200_u32 {
            let loads = Arc::new(AtomicU32::new(0));
            let mut waiters = Vec::new();
            for _ in 0..8 {
                let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                waiters.push(tokio::spawn(async move {
                    let loader = move || async move { Ok(loads.fetch_add(1, Ordering::Relaxed)) };
                    cache.get_or_load(&round.to_string(), MINUTE, loader).await
                }));
            }
            for waiter in waiters {
                assert_eq!(waiter.await.unwrap().unwrap(), 0);
            }
            assert_eq!(loads.load(Ordering::Relaxed), 1);
        }
    });
}

/// A future that counts how often it is polled.
struct Counted<F> {
    inner: std::pin::Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for Counted<F> {
    type Output = (F::Output, u32);

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.polls += 1;
        let polls = self.polls;
        self.inner.as_mut().poll(cx).map(|output| (output, polls))
    }
}

async fn ten_thousand_misses(workers: usize) {
    let cache: seawall_cache::Cache<u64, u64> = seawall_cache::Cache::builder("popular").build().unwrap();
    let loads = Arc::new(AtomicU32::new(0));
    let waiters: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, loads) = (cache.clone(), Arc::clone(&loads));
            let waiting = async move {
                let loader = move || async move {
                    loads.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok(42)
                };
                cache.get_or_load(&1, MINUTE, loader).await
            };
            tokio::spawn(Counted { inner: Box::pin(waiting), polls: 0 })
        })
        .collect();
    for waiter in waiters {
        let (value, polls) = waiter.await.unwrap();
        assert_eq!(value.unwrap(), 42);
        assert!(polls <= 3, "{polls} polls with {workers} workers");
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(cache.stats().loads, 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_tasks_that_miss_one_key_call_the_source_once_and_are_polled_thrice_at_most() {
    ten_thousand_misses(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn and_so_it_is_on_several_threads() {
    ten_thousand_misses(4).await;
}
