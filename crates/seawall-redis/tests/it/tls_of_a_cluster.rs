//! A cluster whose servers speak TLS to everybody, and announce each other by name and the port of that.

use std::time::Duration;

use seawall_core::FailureKind;
use seawall_redis::Heard;
use seawall_testkit::servers::{RedisCluster, SetTls};
use seawall_testkit::tls::Authority;

use crate::support::until;
use crate::tls::{Files, authority, connect};

fn start(primaries: usize, replicas: usize, authority: &Authority, name: &str) -> RedisCluster {
    let tls = SetTls { authority, servers: name, sentinels: name };
    RedisCluster::start_with_tls(primaries, replicas, tls).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_servers_of_a_cluster_are_spoken_to_by_tls_and_by_the_name_they_announce() {
    let (authority, files) = (authority(), Files::new());
    // The certificates are made out to no address.
    let mut cluster = start(3, 1, &authority, "localhost");
    let redis = connect(&cluster.url(), files.trusting(&authority)).await.unwrap();
    until("every server answers", async || redis.ping().await.is_ok()).await;
    let keys: Vec<String> = (0..50).map(|number| format!("key{number}")).collect();
    for key in &keys {
        redis.set(key, 1).await.unwrap();
    }
    assert_eq!(redis.mget::<Vec<i64>>(&keys).await.unwrap(), [1; 50]);
    until("all connections are there", async || {
        let stats = redis.stats().unwrap();
        stats.connections >= 3 && stats.connected == stats.connections
    })
    .await;
    until("a job is there", async || redis.rpush("jobs", "one").await.is_ok()).await;
    assert!(redis.blpop::<String>("jobs", Duration::from_mins(1)).await.unwrap().is_some());
    let mut news = redis.subscribe(["news"]).await.unwrap();
    until("it is heard", async || redis.publish("news", "heard").await.is_ok()).await;
    until("it hears", async || matches!(news.next().await, Some(Heard::Message(_)))).await;

    // A replica that takes the place of its primary is announced so too.
    cluster.nodes[0].kill();
    for key in &keys {
        until("all slots are served", async || redis.set(key, 2).await.is_ok()).await;
    }
}

#[tokio::test]
async fn a_cluster_that_is_not_trusted_or_has_another_name_is_not_spoken_to() {
    let (ours, other, files) = (authority(), authority(), Files::new());
    let cluster = start(1, 0, &ours, "localhost");
    let by_address = cluster.url().replace("localhost", "127.0.0.1");
    for (which, url, tls) in [
        ("another authority", cluster.url(), files.trusting(&other)),
        ("another name", by_address, files.trusting(&ours)),
    ] {
        let error = connect(&url, tls).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{which}: {error:?}");
        assert!(error.to_string().contains("tls.roots"), "{which}: {error}");
        assert!(!error.may_have_executed(), "{which}");
    }
}
