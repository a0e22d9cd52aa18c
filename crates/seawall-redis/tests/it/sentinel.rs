//! A primary that its sentinels replace, with real ones.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::{Heard, Redis, RedisConfig};
use seawall_testkit::servers::Sentinels;
use tokio::time::Instant;

use crate::faults::{Load, Writes};
use crate::support::{connect_to, connect_with, patient, until};

pub(crate) async fn start(replicas: usize, sentinels: usize) -> Sentinels {
    tokio::task::spawn_blocking(move || Sentinels::start(replicas, sentinels)).await.unwrap().unwrap()
}

/// Waits until the sentinels say that another server is the primary.
async fn announced(set: &Sentinels, before: usize) {
    until("another primary is announced", async || set.primary().is_ok_and(|now| now != before)).await;
}

/// A server of the set, past the sentinels.
pub(crate) async fn direct(set: &Sentinels, which: usize) -> Redis {
    connect_to(&set.servers[which].url().replace("redis://", "redis://:of-the-servers@")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_under_load_is_left_for_the_next_one_and_nothing_is_counted_twice() {
    let mut set = start(1, 3).await;
    let redis = connect_to(&set.url()).await;
    let mut news = redis.subscribe(["news"]).await.unwrap();
    redis.rpush("jobs", "before").await.unwrap();
    assert_eq!(redis.blpop::<String>("jobs", Duration::from_secs(1)).await.unwrap().unwrap().1, "before");
    let load = Load::on(&redis);
    tokio::time::sleep(Duration::from_millis(200)).await;
    // A sentinel that is gone is no obstacle.
    set.kill_sentinel(0);
    set.servers[0].kill();
    announced(&set, 0).await;
    let announced = Instant::now();
    until("a write is taken", async || redis.set("recovered", 1).await.is_ok()).await;
    println!("writes were taken again {:?} after the new primary was announced", announced.elapsed());
    // Replicas follow: what was acknowledged last may be gone with the primary, but nothing is there twice.
    load.check(&redis, Writes::MayBeLost).await;
    assert!(direct(&set, 1).await.get::<Option<i64>>("recovered").await.unwrap().is_some());
    // What has connections of its own has followed too.
    redis.rpush("jobs", "after").await.unwrap();
    assert_eq!(redis.blpop::<String>("jobs", Duration::from_secs(1)).await.unwrap().unwrap().1, "after");
    until("the subscription is back", async || redis.publish("news", "heard").await.unwrap() > 0).await;
    until("it hears", async || matches!(news.next().await, Some(Heard::Message(_)))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_answers_nothing_any_more_is_left_as_soon_as_another_is_announced() {
    let set = start(1, 1).await;
    // So patient that only the announcement can help.
    let redis = connect_with(&set.url(), |config| {
        config.pipeline.attempt_timeout = Some(Duration::from_mins(5));
        config.pipeline.retry.max_attempts = 1.try_into().unwrap();
        config.slow_timeout = Duration::from_mins(5);
    })
    .await;
    set.servers[0].freeze();
    // Under way while nobody answers.
    let unanswered = tokio::spawn({
        let redis = redis.clone();
        async move { redis.incr("unanswered", 1).await }
    });
    announced(&set, 0).await;
    until("it is left", async || redis.stats().unwrap().replaced.read_only > 0).await;
    redis.set("taken", 1).await.unwrap();
    assert_eq!(direct(&set, 1).await.get::<i64>("taken").await.unwrap(), 1);
    assert!(!unanswered.is_finished(), "answered by whom?");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_demoted_under_load_is_left_again_and_again() {
    let set = start(1, 1).await;
    let redis = connect_to(&set.url()).await;
    let load = Load::on(&redis);
    for before in [0, 1] {
        // A sentinel refuses as long as it is not done with the last one.
        until("a failover begins", async || set.fail_over().is_ok()).await;
        announced(&set, before).await;
        let announced = Instant::now();
        let now = direct(&set, 1 - before).await;
        until("writes arrive at the new primary", async || {
            redis.set("recovered", before).await.is_ok()
                && now.get::<Option<usize>>("recovered").await.unwrap() == Some(before)
        })
        .await;
        println!("writes were taken again {:?} after the new primary was announced", announced.elapsed());
    }
    load.check(&redis, Writes::MayBeLost).await;
}

#[tokio::test]
async fn what_the_sentinels_do_not_know_is_said() {
    let set = start(0, 1).await;
    let connect = async |url: String| Redis::connect(&url, &patient(), Arc::new(())).await.unwrap_err();
    let error = connect(set.url().replace("shop", "unknown")).await;
    assert!(error.to_string().contains("know no primary of this name"), "{error}");
    assert_eq!(error.kind(), FailureKind::Transient);
    let error = connect(set.url().replace("of-the-sentinels", "wrong")).await;
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(error.to_string().contains("password"), "{error}");
    assert!(!format!("{error:?}").contains("of-the-"), "{error:?}");
}

#[tokio::test]
async fn a_url_of_sentinels_that_cannot_be_read_says_how_to_write_one() {
    for (url, words) in [
        ("redis-sentinel://:s3cret@host", "no name of a primary"),
        ("redis-sentinel://:s3cret@/shop", "no host"),
        ("redis-sentinel://:s3cret@host/shop?pass=s3cret", "a word that means nothing"),
        ("redis-sentinel://:s3cret@host/shop/s3cret", "the URL cannot be read"),
    ] {
        let error = Redis::lazy(url, &RedisConfig::default(), Arc::new(())).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("redis-sentinel://"), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
