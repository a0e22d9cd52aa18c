use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use seawall_redis::{OnOutage, Redis, SharedRateLimitConfig, SharedRateLimitLayer, SharedRateLimiter};
use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults};
use seawall_testkit::servers::redis_url;
use seawall_tower::Identity;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{address, connect, connect_to, through, until};

/// Ten at once, then one each `period`.
fn ten(period: Duration) -> SharedRateLimitConfig {
    SharedRateLimitConfig {
        limit: NonZeroU32::MIN,
        period,
        burst: NonZeroU32::new(10).unwrap(),
        timeout: Duration::from_secs(10),
        max_wait: None,
        ..SharedRateLimitConfig::default()
    }
}

const HOUR: Duration = Duration::from_hours(1);

fn limiter(redis: &Redis, config: &SharedRateLimitConfig) -> SharedRateLimiter {
    SharedRateLimiter::new(redis, Identity::new("billing"), config).unwrap()
}

/// A service that counts its calls, behind a limit of its own for each request.
fn limited(
    limiter: &SharedRateLimiter,
) -> (
    impl Service<&'static str, Response = (), Error = Error, Future: Send> + Clone + Send + use<>,
    Arc<AtomicU32>,
) {
    let calls = Arc::<AtomicU32>::default();
    let counter = Arc::clone(&calls);
    let inner = service_fn(move |_: &'static str| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Error>(()) }
    });
    let layer =
        SharedRateLimitLayer::new(limiter.clone(), |request: &&'static str| ((*request).to_owned(), 1));
    (layer.layer(inner), calls)
}

#[tokio::test]
async fn all_services_of_a_limit_share_it_and_the_one_beyond_is_refused_with_the_time_to_come_back() {
    let redis = connect().await;
    let (one, calls) = limited(&limiter(&redis, &ten(HOUR)));
    let (other, others_calls) = limited(&limiter(&redis, &ten(HOUR)));
    for _ in 0..5 {
        one.clone().oneshot("ann").await.unwrap();
        other.clone().oneshot("ann").await.unwrap();
    }
    let refused = one.clone().oneshot("ann").await.unwrap_err();
    let wait = refused.retry_after().unwrap();
    assert_eq!(refused.kind(), FailureKind::Overloaded { retry_after: Some(wait) });
    assert!(wait > HOUR / 2 && wait <= HOUR, "{wait:?}");
    assert_eq!((refused.layer(), refused.name()), ("shared_rate_limit", "billing"));
    assert!(!refused.may_have_executed());
    one.oneshot("bob").await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed) + others_calls.load(Ordering::Relaxed), 11);
}

#[tokio::test]
async fn a_call_waits_for_its_turn_within_its_deadline_and_leaves_the_line_with_it() {
    let redis = connect().await;
    let config = SharedRateLimitConfig { max_wait: Some(HOUR), ..ten(Duration::from_millis(200)) };
    let limiter = limiter(&redis, &config);
    limiter.take("ann", 10).await.unwrap();
    let (service, calls) = limited(&limiter);
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(service.clone().oneshot("ann"))).collect();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert_eq!((calls.load(Ordering::Relaxed), limiter.waiting()), (3, 0));

    limiter.reconfigure(&SharedRateLimitConfig { max_wait: Some(HOUR), ..ten(HOUR) }).unwrap();
    // Of somebody else, so that the next one comes after an hour and not sooner.
    assert!(limiter.take("bob", 10).await.unwrap().allowed);
    let soon = tokio::time::Instant::now().into_std();
    let context = CallContext::default().within(Duration::from_mins(5), soon);
    let refused = context.scope(service.clone().oneshot("bob")).await.unwrap_err();
    assert!(matches!(refused.kind(), FailureKind::Overloaded { retry_after: Some(_) }), "{refused}");

    // One that has the time stands in line, and is gone with its task.
    let line = tokio::spawn(CallContext::default().scope({
        let limiter = limiter.clone();
        async move { limiter.acquire("bob", 1).await }
    }));
    until("it waits", async || limiter.waiting() == 1).await;
    line.abort();
    until("it is gone", async || limiter.waiting() == 0).await;
}

#[tokio::test]
async fn no_more_wait_than_may() {
    let redis = connect().await;
    let config = SharedRateLimitConfig { max_wait: Some(2 * HOUR), max_waiting: 1, ..ten(HOUR) };
    let limiter = limiter(&redis, &config);
    limiter.take("ann", 10).await.unwrap();
    let first = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire("ann", 1).await }
    });
    until("one waits", async || limiter.waiting() == 1).await;
    let refused = limiter.acquire("ann", 1).await.unwrap_err();
    assert!(matches!(refused.kind(), FailureKind::Overloaded { .. }), "{refused}");
    assert_eq!(limiter.waiting(), 1);
    first.abort();
}

#[tokio::test]
async fn while_the_server_is_silent_calls_pass_or_are_refused_as_was_chosen() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_to(&through(&url, &proxy)).await;
    proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
    for on_outage in [OnOutage::Open, OnOutage::Closed] {
        let config = SharedRateLimitConfig { on_outage, timeout: Duration::from_millis(50), ..ten(HOUR) };
        let (service, _) = limited(&limiter(&redis, &config));
        match (on_outage, service.oneshot("ann").await) {
            (OnOutage::Open, Ok(())) => {}
            (OnOutage::Closed, Err(error)) => {
                assert!(matches!(error.kind(), FailureKind::Overloaded { retry_after: Some(_) }), "{error}");
            }
            (_, other) => panic!("{on_outage:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused_and_the_old_one_stays() {
    let limiter = limiter(&connect().await, &ten(HOUR));
    let wrong = SharedRateLimitConfig { block: NonZeroU32::new(11).unwrap(), ..ten(HOUR) };
    assert!(limiter.reconfigure(&wrong).unwrap_err().to_string().contains("block"));
    assert_eq!(limiter.config(), ten(HOUR));
    assert!(limiter.take("ann", 10).await.unwrap().allowed);
    assert!(!limiter.take("ann", 10).await.unwrap().allowed);
    let more = SharedRateLimitConfig { burst: NonZeroU32::new(20).unwrap(), ..ten(HOUR) };
    limiter.reconfigure(&more).unwrap();
    assert!(limiter.take("ann", 10).await.unwrap().allowed, "what was refused is forgiven");
}

/// How often a server of this test's own ran the script.
async fn asked(redis: &Redis) -> u64 {
    let stats: String = redis.command("INFO").arg("commandstats").query().await.unwrap();
    let calls = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.and_then(|rest| rest.split(',').next()).map_or(0, |count| count.parse().unwrap())
    };
    calls("evalsha")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_key_asks_the_server_for_blocks_and_never_takes_more_than_there_is() {
    let server = seawall_testkit::servers::Redis::start().unwrap();
    let redis = connect_to(&server.url()).await;
    let config = SharedRateLimitConfig {
        burst: NonZeroU32::new(1000).unwrap(),
        block: NonZeroU32::new(64).unwrap(),
        block_hold: HOUR,
        ..ten(HOUR)
    };
    let limiter = limiter(&redis, &config);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move {
                let mut allowed = 0;
                for _ in 0..100 {
                    allowed += u32::from(limiter.take("ann", 1).await.unwrap().allowed);
                }
                allowed
            })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += task.await.unwrap();
    }
    assert_eq!(allowed, 1000, "all of the burst, and no more");
    let asked = asked(&redis).await;
    assert!(asked < 200, "the server was asked {asked} times for 2000 calls");
}

#[tokio::test]
async fn a_quiet_key_takes_no_more_than_it_spends_and_what_is_held_too_long_is_lost() {
    let redis = connect().await;
    let config = SharedRateLimitConfig {
        block: NonZeroU32::new(8).unwrap(),
        block_hold: Duration::from_millis(1),
        ..ten(HOUR)
    };
    let limiter = limiter(&redis, &config);
    let mut taken = 0;
    while limiter.take("ann", 1).await.unwrap().allowed {
        taken += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Each block of one that ran out late is followed by another of one.
    assert_eq!(taken, 10);
}
