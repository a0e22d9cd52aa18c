use std::time::Duration;

use seawall_core::FailureKind;

use crate::support::{connect, pass, until};

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn one_has_it_at_a_time_and_the_next_has_a_higher_fence() {
    let redis = connect().await;
    let mut fence = 0;
    for _ in 0..3 {
        let lease = redis.try_lease("reports", LONG).await.unwrap().unwrap();
        assert!(lease.is_held() && lease.fence() > fence);
        fence = lease.fence();
        assert!(redis.try_lease("reports", LONG).await.unwrap().is_none());
        assert!(redis.try_lease("others", LONG).await.unwrap().is_some());
        lease.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_lease_that_is_dropped_is_given_back() {
    let redis = connect().await;
    drop(redis.try_lease("reports", LONG).await.unwrap().unwrap());
    let next = redis.lease("reports", LONG, LONG).await.unwrap();
    assert!(next.is_some());
}

#[tokio::test]
async fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    let redis = connect().await;
    let lease = redis.try_lease("reports", LONG).await.unwrap().unwrap();
    for _ in 0..3 {
        // As if most of the time were over at the server, and here.
        redis.expire("lease:{reports}", LONG / 2).await.unwrap();
        pass(LONG / 2).await;
        until("it is renewed", async || {
            redis.ttl("lease:{reports}").await.unwrap().is_some_and(|left| left > LONG / 2)
        })
        .await;
    }
    assert!(lease.is_held());
    assert!(redis.try_lease("reports", LONG).await.unwrap().is_none());
}

#[tokio::test]
async fn a_lease_that_somebody_took_away_is_lost() {
    let redis = connect().await;
    let lease = redis.try_lease("reports", Duration::from_millis(300)).await.unwrap().unwrap();
    redis.command("SET").arg("lease:{reports}").arg("another").execute().await.unwrap();
    lease.lost().await;
    assert!(!lease.is_held());
    // What is not ours is not given back.
    drop(lease);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(redis.get::<String>("lease:{reports}").await.unwrap(), "another");
}

#[tokio::test]
async fn a_lease_whose_server_is_gone_is_lost_when_its_time_is_over() {
    let mut server = seawall_testkit::servers::Redis::start().unwrap();
    let redis = crate::support::connect_to(&server.url()).await;
    let lease = redis.try_lease("reports", Duration::from_millis(500)).await.unwrap().unwrap();
    server.kill();
    lease.lost().await;
    assert!(!lease.is_held());
}

#[tokio::test]
async fn waiting_for_a_lease_ends_with_the_patience() {
    let redis = connect().await;
    let held = redis.try_lease("reports", LONG).await.unwrap().unwrap();
    assert!(redis.lease("reports", LONG, Duration::from_millis(100)).await.unwrap().is_none());
    let waiting = tokio::spawn({
        let redis = redis.clone();
        async move { redis.lease("reports", LONG, LONG).await.unwrap().unwrap().fence() }
    });
    let before = held.fence();
    held.release().await.unwrap();
    assert!(waiting.await.unwrap() > before);
    until("it is given back", async || redis.try_lease("reports", LONG).await.unwrap().is_some()).await;
}

#[tokio::test]
async fn a_lease_too_short_to_be_renewed_is_refused() {
    let error = connect().await.try_lease("reports", Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
}
