use std::num::NonZeroU32;
use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::{DecidedBy, OnOutage, SharedRateLimitConfig, SharedRateLimiter};
use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults};
use seawall_testkit::servers::redis_url;
use seawall_tower::Identity;
use tokio::time::Instant;

use crate::support::{address, connect, connect_to, through, until};

/// Ten at once, then one each hour: nothing comes back while a test runs.
fn ten() -> SharedRateLimitConfig {
    SharedRateLimitConfig {
        limit: NonZeroU32::new(1).unwrap(),
        period: Duration::from_hours(1),
        burst: NonZeroU32::new(10).unwrap(),
        timeout: Duration::from_secs(10),
        ..SharedRateLimitConfig::default()
    }
}

#[tokio::test]
async fn a_burst_is_shared_by_all_who_use_the_name() {
    let redis = connect().await;
    let one = SharedRateLimiter::new(&redis, Identity::new("logins"), &ten()).unwrap();
    let other = SharedRateLimiter::new(&redis.clone(), Identity::new("logins"), &ten()).unwrap();
    for left in (0..10).rev() {
        let limiter = if left % 2 == 0 { &one } else { &other };
        let decision = limiter.take("ann", 1).await.unwrap();
        assert!(decision.allowed);
        assert_eq!((decision.remaining, decision.decided_by), (left, DecidedBy::Server));
    }
    let refused = one.take("ann", 1).await.unwrap();
    assert!(!refused.allowed);
    let wait = refused.retry_after.unwrap();
    assert!(wait > Duration::from_mins(59) && wait <= Duration::from_hours(1), "{wait:?}");
    assert!(other.take("bob", 1).await.unwrap().allowed, "another key has its own");
}

#[tokio::test]
async fn a_refusal_is_remembered_and_the_server_not_asked_again() {
    let redis = connect().await;
    let limiter = SharedRateLimiter::new(&redis, Identity::new("logins"), &ten()).unwrap();
    assert!(limiter.take("ann", 7).await.unwrap().allowed);
    let refused = limiter.take("ann", 4).await.unwrap();
    assert_eq!((refused.allowed, refused.remaining, refused.decided_by), (false, 3, DecidedBy::Server));
    assert_eq!(limiter.take("ann", 4).await.unwrap().decided_by, DecidedBy::Memory);
    let cheaper = limiter.take("ann", 3).await.unwrap();
    assert_eq!((cheaper.allowed, cheaper.decided_by), (true, DecidedBy::Server));
}

#[tokio::test]
async fn units_come_back_by_the_clock_of_the_server() {
    let redis = connect().await;
    let config = SharedRateLimitConfig { period: Duration::from_millis(500), ..ten() };
    let limiter = SharedRateLimiter::new(&redis, Identity::new("logins"), &config).unwrap();
    let began = Instant::now();
    let mut taken = 0;
    for _ in 0..3 {
        until("all are gone", async || {
            let allowed = limiter.take("ann", 1).await.unwrap().allowed;
            taken += u32::from(allowed);
            !allowed
        })
        .await;
        until("one comes back", async || limiter.take("ann", 1).await.unwrap().allowed).await;
        taken += 1;
    }
    // However long that took: no more came back than by then could.
    assert!(taken >= 13 && f64::from(taken) <= 10.0 + began.elapsed().as_secs_f64() / 0.5, "{taken}");
}

#[tokio::test]
async fn a_cost_of_nothing_only_asks_and_one_beyond_the_burst_is_a_mistake() {
    let redis = connect().await;
    let limiter = SharedRateLimiter::new(&redis, Identity::new("logins"), &ten()).unwrap();
    assert_eq!(limiter.take("ann", 0).await.unwrap().remaining, 10);
    assert_eq!(limiter.take("ann", 0).await.unwrap().remaining, 10);
    assert_eq!(limiter.take("ann", 11).await.unwrap_err().kind(), FailureKind::Permanent);
}

#[tokio::test]
async fn while_the_server_is_silent_the_limit_is_open_or_closed_as_was_chosen() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_to(&through(&url, &proxy)).await;
    proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
    for (on_outage, allowed) in [(OnOutage::Open, true), (OnOutage::Closed, false)] {
        let config = SharedRateLimitConfig { on_outage, timeout: Duration::from_millis(50), ..ten() };
        let limiter = SharedRateLimiter::new(&redis, Identity::new("logins"), &config).unwrap();
        let decision = limiter.take("ann", 1).await.unwrap();
        assert_eq!((decision.allowed, decision.decided_by), (allowed, DecidedBy::Outage));
    }
}

#[test]
fn a_limit_that_makes_no_sense_is_refused() {
    let config = SharedRateLimitConfig { period: Duration::ZERO, ..ten() };
    assert!(config.validate().unwrap_err().to_string().contains("period"));
    let config = SharedRateLimitConfig { burst: NonZeroU32::MAX, ..ten() };
    assert!(config.validate().unwrap_err().to_string().contains("burst"));
    SharedRateLimitConfig::default().validate().unwrap();
}
