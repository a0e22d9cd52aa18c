//! The second tier of caches over a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use seawall_cache::{Cache, CacheConfig, Postcard, SecondTier, Ttl};
use seawall_redis::{Redis, RedisTier};

use crate::cluster::start;
use crate::support::{connect_patiently, until};

const LONG: Duration = Duration::from_mins(10);

/// The memory of one process, in front of a tier that all share.
fn process(redis: &Redis) -> Cache<String, u64> {
    let mut config = CacheConfig::default();
    // However slow the machine is.
    config.second_tier.timeout = Duration::from_secs(30);
    config.second_tier.memory_time = LONG;
    let tier = Arc::new(RedisTier::new(redis, "shop"));
    Cache::builder("prices").config(&config).second_tier(tier, Postcard).build().unwrap()
}

fn keys() -> Vec<String> {
    (0..30).map(|number| format!("key{number}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_set_others_read_from_whichever_server_has_it_and_hear_when_it_is_gone() {
    let cluster = start(3, 0).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    let (one, other) = (process(&redis), process(&connect_patiently(&cluster.url(), |_| {}).await));
    for (number, key) in (0..).zip(keys()) {
        let tag = if number % 2 == 0 { "even" } else { "odd" };
        one.set(key, number, Ttl::fresh(LONG).tagged([tag])).await.unwrap();
    }
    for (number, key) in (0..).zip(keys()) {
        assert_eq!(other.fetch(&key).await.unwrap(), Some(number), "{key}");
    }
    assert_eq!(other.stats().second_tier_hits, 30);
    // A tag is of another slot than what is kept under it.
    one.invalidate(["even"]).await.unwrap();
    until("the other has heard of it", async || other.get("key0").is_none()).await;
    for (number, key) in (0..).zip(keys()) {
        assert_eq!(other.fetch(&key).await.unwrap(), Some(number).filter(|number| number % 2 == 1), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_fails_no_read_that_memory_or_the_source_can_answer() {
    let mut cluster = start(3, 0).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    let (one, other) = (process(&redis), process(&redis));
    for key in keys() {
        one.set(key, 1, LONG).await.unwrap();
    }
    cluster.nodes[1].kill();
    let loads = Arc::new(AtomicUsize::new(0));
    for round in 0..3 {
        for key in keys() {
            // Memory is given up if its news came from the server that is gone.
            assert!(one.fetch(&key).await.unwrap().is_none_or(|price| price == 1), "{key}");
            let loads = Arc::clone(&loads);
            let source = move || async move {
                loads.fetch_add(1, SeqCst);
                Ok(1)
            };
            assert_eq!(other.get_or_load(&key, LONG, source).await.unwrap(), 1, "{key}, round {round}");
        }
    }
    assert!(loads.load(SeqCst) > 0, "nobody was asked for what the server had");
    assert!(other.stats().second_tier_failures > 0);

    let cluster = tokio::task::spawn_blocking(move || {
        cluster.nodes[1].restart().unwrap();
        cluster
    })
    .await
    .unwrap();
    // Everything can be kept and found again.
    let tier = RedisTier::new(&redis, "again");
    for key in keys() {
        until("it is kept", async || tier.set(&key, "there".into(), LONG).await.is_ok()).await;
    }
    let found = tier.get(&keys()).await.unwrap();
    assert!(found.iter().all(Option::is_some), "{found:?}");
    drop(cluster);
}
