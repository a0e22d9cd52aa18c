use std::error::Error as _;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind, Priority};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::{MINUTE, exact};

#[tokio::test]
async fn what_is_cached_is_not_loaded() {
    let cache = exact();
    cache.set("a", &1, MINUTE).await.unwrap();
    let value = cache.get_or_load::<u8, _, _>("a", MINUTE, || async { panic!("must not run") }).await;
    assert_eq!(value.unwrap(), 1);
    assert_eq!(cache.stats().loads, 0);
}

#[tokio::test]
async fn what_was_loaded_is_cached() {
    let cache = exact();
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
    assert_eq!(cache.get("a").await.unwrap(), Some(1));
}

#[tokio::test]
async fn an_entry_left_by_another_version_of_the_type_is_loaded_anew() {
    let cache = exact();
    cache.set("a", "text", MINUTE).await.unwrap();
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
    assert_eq!(cache.get("a").await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_error_reaches_every_waiter_with_its_kind_and_cause_and_is_not_kept() {
    let cache = exact();
    let overloaded = FailureKind::Overloaded { retry_after: Some(MINUTE) };
    let mut waiters = Vec::new();
    for _ in 0..3 {
        let cache = cache.clone();
        waiters.push(tokio::spawn(async move {
            let loader = move || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err::<u8, _>(Error::new(overloaded, "sql", "users").not_executed())
            };
            cache.get_or_load("a", MINUTE, loader).await
        }));
    }
    for waiter in waiters {
        let error = waiter.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), overloaded);
        assert_eq!((error.layer(), error.name(), error.retry_after()), ("cache", "a", Some(MINUTE)));
        assert!(!error.may_have_executed());
        assert!(error.source().unwrap().to_string().contains("sql `users`"), "{error}");
    }
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (1, 1));
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
}

#[tokio::test]
async fn a_panic_reaches_the_waiter_as_an_error_and_the_next_load_runs() {
    let cache = exact();
    let error =
        cache.get_or_load::<u8, _, _>("a", MINUTE, || async { panic!("no such table") }).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("the loader panicked: no such table"), "{error}");
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_given_up_after_the_load_timeout() {
    let cache = exact();
    let begin = Instant::now();
    let error = cache.get_or_load::<u8, _, _>("a", MINUTE, std::future::pending).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert_eq!(begin.elapsed().as_secs(), 30);
    assert_eq!(cache.get_or_load("a", MINUTE, || async { Ok(1) }).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_loader_has_the_callers_priority_but_not_its_deadline() {
    let cache = exact();
    let now = Instant::now().into_std();
    let caller = CallContext::default().priority(Priority::Critical).within(Duration::from_secs(1), now);
    let seen = caller.scope(cache.get_or_load("a", MINUTE, || async {
        let context = CallContext::current();
        Ok((
            context.priority_class(),
            context.remaining(Instant::now().into_std()).map(|left| left.as_secs()),
        ))
    }));
    assert_eq!(seen.await.unwrap(), (Priority::Critical, Some(30)));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_leaves_the_load_running_and_the_cache_filled() {
    let cache = exact();
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(1)
    };
    tokio::time::timeout(Duration::from_secs(1), cache.get_or_load("a", MINUTE, slow)).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(cache.get("a").await.unwrap(), Some(1));
}

/// A load that read its data before the cache was told of something newer must not put it back.
async fn newer_data_wins(newer: impl AsyncFnOnce(&seawall_cache::Cache), expected: Option<i32>) {
    let cache = exact();
    let (started, has_started) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let loading = tokio::spawn({
        let cache = cache.clone();
        async move {
            let loader = move || async move {
                started.send(()).unwrap();
                may_go_on.await.unwrap();
                Ok(1)
            };
            cache.get_or_load("a", MINUTE, loader).await
        }
    });
    has_started.await.unwrap();
    newer(&cache).await;
    go_on.send(()).unwrap();
    assert_eq!(loading.await.unwrap().unwrap(), 1, "those who waited get what was loaded");
    assert_eq!(cache.get("a").await.unwrap(), expected);
}

#[tokio::test]
async fn a_load_does_not_overwrite_what_was_set_meanwhile() {
    newer_data_wins(async |cache| cache.set("a", &2, MINUTE).await.unwrap(), Some(2)).await;
}

#[tokio::test]
async fn a_load_does_not_bring_back_what_was_removed_meanwhile() {
    newer_data_wins(async |cache| assert!(!cache.remove("a").await.unwrap()), None).await;
}

#[tokio::test]
async fn a_load_does_not_bring_back_what_was_cleared_meanwhile() {
    newer_data_wins(async |cache| cache.clear().await.unwrap(), None).await;
}

#[test]
fn a_load_whose_runtime_shut_down_does_not_block_its_key() {
    let cache = exact();
    let doomed = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    doomed.block_on(async {
        let waiting = cache.get_or_load::<u8, _, _>("a", MINUTE, std::future::pending);
        assert!(futures_util::FutureExt::now_or_never(waiting).is_none());
    });
    drop(doomed);
    let next = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let value = next.block_on(cache.get_or_load("a", MINUTE, || async { Ok(1) }));
    assert_eq!(value.unwrap(), 1);
}
