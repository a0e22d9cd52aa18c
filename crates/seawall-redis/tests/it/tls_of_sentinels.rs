//! Sentinels, a primary and its replica that speak TLS to everybody.

use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::Heard;
use seawall_testkit::servers::{Sentinels, SetTls};
use seawall_testkit::tls::Authority;

use crate::support::until;
use crate::tls::{Files, authority, connect};

/// The address that all of them tell of themselves.
const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "redis.example";

fn start(replicas: usize, authority: &Authority, servers: &str, sentinels: &str) -> Sentinels {
    Sentinels::start_with_tls(replicas, 1, SetTls { authority, servers, sentinels }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_is_asked_for_reached_and_followed_by_tls() {
    let (authority, files) = (authority(), Files::new());
    let mut set = start(1, &authority, HERE, HERE);
    let redis = connect(&set.url(), files.trusting(&authority)).await.unwrap();
    redis.set("greeting", "hello").await.unwrap();
    assert_eq!(redis.get::<String>("greeting").await.unwrap(), "hello");
    // One of its own, and one that listens.
    until("a job is there", async || redis.rpush("jobs", "one").await.is_ok()).await;
    assert!(redis.blpop::<String>("jobs", Duration::from_mins(1)).await.unwrap().is_some());
    let mut news = redis.subscribe(["news"]).await.unwrap();
    until("it is heard", async || redis.publish("news", "heard").await.is_ok_and(|heard| heard > 0)).await;
    until("it hears", async || matches!(news.next().await, Some(Heard::Message(_)))).await;

    set.servers[0].kill();
    until("another primary is announced", async || set.primary().is_ok_and(|now| now == 1)).await;
    until("a write is taken", async || redis.set("greeting", "again").await.is_ok()).await;
    until("a job is taken", async || redis.rpush("jobs", "two").await.is_ok()).await;
    assert!(redis.blpop::<String>("jobs", Duration::from_mins(1)).await.unwrap().is_some());
    until("the subscription is back", async || {
        redis.publish("news", "heard").await.is_ok_and(|heard| heard > 0)
    })
    .await;
}

#[tokio::test]
async fn whoever_of_a_set_is_not_trusted_or_has_another_name_is_not_spoken_to() {
    let (ours, other, files) = (authority(), authority(), Files::new());
    let set = start(0, &ours, HERE, HERE);
    let sentinel_elsewhere = start(0, &ours, HERE, ELSEWHERE);
    let server_elsewhere = start(0, &ours, ELSEWHERE, HERE);
    for (which, url, tls) in [
        ("a sentinel of another authority", set.url(), files.trusting(&other)),
        ("a sentinel of another name", sentinel_elsewhere.url(), files.trusting(&ours)),
        ("a primary of another name", server_elsewhere.url(), files.trusting(&ours)),
    ] {
        let error = connect(&url, tls).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{which}: {error:?}");
        assert!(error.to_string().contains("tls.roots"), "{which}: {error}");
        assert!(!error.may_have_executed(), "{which}");
        assert!(!format!("{error:?}").contains("of-the-"), "{which}: {error:?}");
    }
}

#[tokio::test]
async fn sentinels_that_speak_tls_and_a_url_that_does_not_are_told_apart() {
    let (ours, files) = (authority(), Files::new());
    let set = start(0, &ours, HERE, HERE);
    let plain = set.url().replace("rediss-sentinel", "redis-sentinel");
    let error = connect(&plain, files.trusting(&ours)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(error.to_string().contains("let it begin with `rediss`"), "{error}");
}
