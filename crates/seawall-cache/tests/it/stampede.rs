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
