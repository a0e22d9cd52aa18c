//! What a time to live can say beside how long: tags, idleness, failures, absence, early renewal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_cache::{Cache, CacheConfig, Tagged, TimeToLive, Ttl};
use seawall_core::{Error, FailureKind};
use tokio::sync::oneshot;
use tokio::time::{Instant, advance, sleep};

use crate::{MINUTE, exact};

const SECOND: Duration = Duration::from_secs(1);

fn counting<T: Clone + Send + 'static>(
    loads: &Arc<AtomicU32>,
    made: Result<T, Error>,
) -> impl FnOnce() -> futures_util::future::BoxFuture<'static, Result<T, Error>> + Send + 'static {
    let loads = Arc::clone(loads);
    move || {
        Box::pin(async move {
            loads.fetch_add(1, Ordering::Relaxed);
            made
        })
    }
}

fn down() -> Error {
    Error::new(FailureKind::Transient, "sql", "users")
}

#[tokio::test(start_paused = true)]
async fn a_tag_ends_all_its_entries_and_no_others() {
    let cache = exact();
    let ttl = Ttl::fresh(MINUTE);
    cache.set("a", &1, ttl.tagged(["users", "eu"])).await.unwrap();
    cache.set("b", &1, ttl.tagged(["users"])).await.unwrap();
    cache.set("c", &1, ttl.tagged(["eu"])).await.unwrap();
    cache.set("d", &1, ttl).await.unwrap();
    cache.invalidate(["users"]).await.unwrap();
    let mut left = Vec::new();
    for key in ["a", "b", "c", "d"] {
        if cache.get::<u8>(key).await.unwrap().is_some() {
            left.push(key);
        }
    }
    assert_eq!(left, ["c", "d"]);
    cache.set("a", &2, ttl.tagged(["users"])).await.unwrap();
    assert_eq!(cache.get::<u8>("a").await.unwrap(), Some(2), "what is set later holds");
    assert_eq!(cache.stats().entries, 3, "and what was ended and asked for is gone");
}

#[tokio::test(start_paused = true)]
async fn an_entry_ended_by_its_tag_is_not_served_stale_or_in_place_of_an_error() {
    let cache = exact();
    let ttl = Ttl::fresh(MINUTE).stale(MINUTE).on_error(MINUTE).tagged(["users"]);
    cache.set("a", &1, ttl.clone()).await.unwrap();
    cache.invalidate(["users"]).await.unwrap();
    let failing = || async { Err::<i32, _>(down()) };
    cache.get_or_load("a", ttl.clone(), failing).await.unwrap_err();
    assert_eq!(cache.get_or_load("a", ttl, || async { Ok(2) }).await.unwrap(), 2);
}

#[tokio::test]
async fn a_load_under_way_is_outdated_by_its_tag() {
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
            cache.get_or_load("a", Ttl::fresh(MINUTE).tagged(["users"]), loader).await
        }
    });
    has_started.await.unwrap();
    cache.invalidate(["users"]).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(loading.await.unwrap().unwrap(), 1);
    assert_eq!(cache.get::<i32>("a").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_nobody_asks_for_is_gone_after_its_idle_time() {
    let cache = exact();
    let ttl = Ttl::fresh(10 * MINUTE).idle(MINUTE);
    cache.set("used", &1, ttl).await.unwrap();
    cache.set("idle", &1, ttl).await.unwrap();
    for _ in 0..9 {
        advance(59 * SECOND).await;
        assert_eq!(cache.get::<u8>("used").await.unwrap(), Some(1));
    }
    assert_eq!(cache.get::<u8>("idle").await.unwrap(), None);
    advance(MINUTE).await;
    assert_eq!(cache.get_or_load("used", MINUTE, || async { Ok(2) }).await.unwrap(), 2);
    advance(MINUTE).await;
    assert_eq!(cache.get::<u8>("used").await.unwrap(), None, "use does not lengthen the time to live");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_for_its_time_and_then_tried_again() {
    let cache = exact();
    let loads = Arc::new(AtomicU32::new(0));
    let ttl = Ttl::fresh(MINUTE).failures(5 * SECOND);
    for _ in 0..3 {
        let error = cache.get_or_load("a", ttl, counting::<u8>(&loads, Err(down()))).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient);
        advance(SECOND).await;
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(cache.stats().failure_hits, 2);
    assert_eq!(cache.get::<u8>("a").await.unwrap(), None, "it is no value");
    advance(2 * SECOND).await;
    assert_eq!(cache.get_or_load("a", ttl, counting(&loads, Ok(1))).await.unwrap(), 1);
    assert_eq!(loads.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn setting_a_value_ends_a_remembered_failure() {
    let cache = exact();
    let ttl = Ttl::fresh(MINUTE).failures(MINUTE);
    cache.get_or_load("a", ttl, || async { Err::<u8, _>(down()) }).await.unwrap_err();
    cache.set("a", &1, ttl).await.unwrap();
    assert_eq!(cache.get_or_load("a", ttl, || async { Err::<i32, _>(down()) }).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn that_there_is_nothing_is_kept_for_a_time_of_its_own() {
    let cache = exact();
    let loads = Arc::new(AtomicU32::new(0));
    let ttl = Ttl::fresh(MINUTE).or_absent(5 * SECOND);
    for made in [None, Some(1)] {
        for _ in 0..3 {
            assert_eq!(cache.get_or_load("a", ttl, counting(&loads, Ok(made))).await.unwrap(), made);
            advance(SECOND).await;
        }
        advance(2 * SECOND).await;
    }
    assert_eq!(loads.load(Ordering::Relaxed), 2);
    assert_eq!(cache.get_or_load("a", ttl, counting(&loads, Ok(None))).await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn an_old_value_answers_in_place_of_a_failure_but_not_of_an_answer() {
    let cache = exact();
    let ttl = Ttl::fresh(MINUTE).on_error(5 * MINUTE);
    cache.set("a", &1, ttl).await.unwrap();
    advance(MINUTE).await;
    assert_eq!(cache.get::<u8>("a").await.unwrap(), None, "it is not fresh");
    assert_eq!(cache.get_or_load("a", ttl, || async { Err::<i32, _>(down()) }).await.unwrap(), 1);
    let gone = || async { Err::<i32, _>(Error::new(FailureKind::Permanent, "sql", "no such table")) };
    assert_eq!(cache.get_or_load("a", ttl, gone).await.unwrap_err().kind(), FailureKind::Permanent);
    assert_eq!(
        cache.get_or_load("a", ttl, || async { Ok(2) }).await.unwrap(),
        2,
        "it is renewed when it can be"
    );
    assert_eq!(cache.stats().stale_on_error, 1);
    advance(6 * MINUTE).await;
    cache.get_or_load("a", ttl, || async { Err::<i32, _>(down()) }).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn with_a_time_for_failures_a_failing_source_is_left_alone_while_the_old_value_answers() {
    let cache = exact();
    let loads = Arc::new(AtomicU32::new(0));
    let ttl = Ttl::fresh(MINUTE).on_error(MINUTE).failures(10 * SECOND);
    cache.set("a", &1, ttl).await.unwrap();
    advance(MINUTE).await;
    for _ in 0..30 {
        assert_eq!(cache.get_or_load("a", ttl, counting::<i32>(&loads, Err(down()))).await.unwrap(), 1);
        advance(SECOND).await;
    }
    assert_eq!(loads.load(Ordering::Relaxed), 3);
    advance(30 * SECOND).await;
    cache.get_or_load("a", ttl, counting::<i32>(&loads, Err(down()))).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_closure_decides_by_the_value_and_tags_go_with_it() {
    let cache = exact();
    let odd = |number: &u32| (number % 2 == 1).then(|| Ttl::fresh(MINUTE));
    assert_eq!(cache.get_or_load("even", odd, || async { Ok(2) }).await.unwrap(), 2);
    assert_eq!(cache.get::<u32>("even").await.unwrap(), None);
    let tagged = Tagged::new(odd, ["numbers"]);
    assert_eq!(TimeToLive::<u32>::tags(&tagged), ["numbers"].into());
    assert_eq!(cache.get_or_load("odd", tagged, || async { Ok(3) }).await.unwrap(), 3);
    assert_eq!(cache.get::<u32>("odd").await.unwrap(), Some(3));
    cache.invalidate(["numbers"]).await.unwrap();
    assert_eq!(cache.get::<u32>("odd").await.unwrap(), None);
}

/// Asks ten times a second for three minutes, for a value that takes a second to load and lives for one minute. Returns how
/// often somebody had to wait, and how often it was loaded.
async fn waits_and_loads(early_refresh: f64) -> (u32, u64) {
    let config = CacheConfig { jitter: 0.0, early_refresh, seed: Some(7), ..CacheConfig::default() };
    let cache = Cache::new(&config).unwrap();
    let slow = || async {
        sleep(SECOND).await;
        Ok(1)
    };
    cache.get_or_load("a", MINUTE, slow).await.unwrap();
    let mut waits = 0;
    for _ in 0..1800 {
        let begin = Instant::now();
        cache.get_or_load("a", MINUTE, slow).await.unwrap();
        waits += u32::from(!begin.elapsed().is_zero());
        sleep(SECOND / 10).await;
    }
    (waits, cache.stats().loads)
}

#[tokio::test(start_paused = true)]
async fn what_is_popular_is_renewed_before_anybody_has_to_wait() {
    assert_eq!(waits_and_loads(0.0).await, (2, 3));
    let (waits, loads) = waits_and_loads(1.0).await;
    assert_eq!(waits, 0);
    assert!((4..=5).contains(&loads), "{loads}");
}
