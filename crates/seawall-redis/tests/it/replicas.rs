//! Reads at replicas, with real ones that die and come back.

use std::time::Duration;

use seawall_redis::redis::Value;
use seawall_redis::{ReadFrom, Redis};

use crate::support::{connect_patiently, connect_with, until};
use crate::{cluster, sentinel};

async fn preferring_replicas(url: &str) -> Redis {
    connect_patiently(url, |config| config.read_from = ReadFrom::PreferReplica).await
}

/// How often a server was asked for something since its counts were reset.
async fn asked(server: &Redis, command: &str) -> u64 {
    let stats: String = server.command("INFO").arg("commandstats").query().await.unwrap();
    let calls = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    calls.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
}

async fn asked_all(servers: &[Redis], command: &str) -> u64 {
    let mut sum = 0;
    for server in servers {
        sum += asked(server, command).await;
    }
    sum
}

/// Reads until a replica has been asked, by all that reads: a command, several, and one of several keys.
async fn are_read_from(replicas: &[Redis], redis: &Redis, keys: &[String]) {
    until("a replica has what was written", async || {
        let all: Vec<Option<u64>> = redis.mget(keys).await.unwrap();
        all == vec![Some(1); keys.len()]
            && asked_all(replicas, "get").await + asked_all(replicas, "mget").await > 0
    })
    .await;
    until("a replica is asked for one key", async || {
        let before = asked_all(replicas, "get").await;
        redis.get::<Option<u64>>(&keys[0]).await.unwrap();
        asked_all(replicas, "get").await > before
    })
    .await;
    until("a replica is asked for several things at once", async || {
        let before = asked_all(replicas, "strlen").await;
        let both = redis.pipelined().command("STRLEN").arg(&keys[0]).command("STRLEN").arg(&keys[1]);
        both.query::<(u64, u64)>().await.unwrap();
        asked_all(replicas, "strlen").await > before
    })
    .await;
}

/// Nothing of this is asked of a replica.
async fn are_left_alone(replicas: &[Redis], redis: &Redis, key: &str) {
    let before = asked_all(replicas, "get").await + asked_all(replicas, "mget").await;
    for _ in 0..30 {
        assert_eq!(redis.command("GET").arg(key).at_primary().query::<u64>().await.unwrap(), 1);
        let at_once = redis.pipelined().command("GET").arg(key).at_primary();
        assert_eq!(at_once.query::<(u64,)>().await.unwrap(), (1,));
        let atomic = redis.pipelined().command("GET").arg(key).atomic();
        assert_eq!(atomic.query::<(u64,)>().await.unwrap(), (1,));
        redis.sadd("a-set", 1).await.unwrap();
        redis.command("SSCAN").arg("a-set").arg(0).query::<Value>().await.unwrap();
    }
    assert_eq!(asked_all(replicas, "get").await + asked_all(replicas, "mget").await, before);
    assert_eq!(asked_all(replicas, "sscan").await, 0, "a cursor is of one server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_sentinels_know_are_read_from_and_dead_ones_are_not_missed() {
    let mut set = sentinel::start(2, 1).await;
    // The primary stays the one that it is, however slow the machine is.
    set.give_up_after(Duration::from_mins(5)).unwrap();
    let redis = preferring_replicas(&set.url()).await;
    let keys: Vec<String> = (0..5).map(|number| format!("key{number}")).collect();
    for key in &keys {
        redis.set(key, 1).await.unwrap();
    }
    let replicas = [sentinel::direct(&set, 1).await, sentinel::direct(&set, 2).await];
    are_read_from(&replicas, &redis, &keys).await;
    are_left_alone(&replicas, &redis, &keys[0]).await;
    for key in &keys {
        redis.set(key, 2).await.unwrap();
    }

    // Not one read fails.
    set.servers[2].kill();
    for round in 0..20 {
        redis.get::<Option<u64>>(&keys[round % keys.len()]).await.unwrap();
    }
    set.servers[1].kill();
    until("the primary is read from", async || redis.get::<u64>(&keys[0]).await.unwrap() == 2).await;
    assert_eq!(redis.mget::<Vec<u64>>(&keys).await.unwrap(), [2; 5]);

    let back = &mut set.servers[2];
    back.restart().unwrap();
    let back = [sentinel::direct(&set, 2).await];
    until("it is read from again", async || {
        redis.get::<Option<u64>>(&keys[0]).await.unwrap();
        asked_all(&back, "get").await > 0
    })
    .await;
    redis.close(Duration::from_mins(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_a_cluster_are_read_from_and_dead_ones_are_not_missed() {
    let mut cluster = cluster::start(3, 3).await;
    let redis = preferring_replicas(&cluster.url()).await;
    let keys: Vec<String> = (0..30).map(|number| format!("key{number}")).collect();
    for key in &keys {
        redis.set(key, 1).await.unwrap();
    }
    let servers = cluster::each(&cluster).await;
    let give_up_after = async |milliseconds: u64| {
        for server in &servers {
            let set = server.command("CONFIG").arg("SET").arg("cluster-node-timeout").arg(milliseconds);
            set.execute().await.unwrap();
        }
    };
    // Each stays what it is, however slow the machine is.
    give_up_after(300_000).await;
    are_read_from(&servers[3..], &redis, &keys).await;
    are_left_alone(&servers[3..], &redis, &keys[0]).await;
    for server in &servers[3..] {
        until("each replica is asked", async || {
            redis.mget::<Vec<Option<u64>>>(&keys).await.unwrap();
            asked(server, "get").await > 0
        })
        .await;
    }

    give_up_after(1000).await;
    cluster.nodes[3].kill();
    for _ in 0..5 {
        assert_eq!(redis.mget::<Vec<u64>>(&keys).await.unwrap(), [1; 30]);
        for key in &keys {
            assert_eq!(redis.get::<u64>(key).await.unwrap(), 1);
        }
    }
    // A replica takes the place of its primary, and is no replica any more.
    cluster.nodes[1].kill();
    for key in &keys {
        until("it is written", async || redis.set(key, 2).await.is_ok()).await;
        until("and read", async || redis.get::<u64>(key).await.is_ok_and(|read| read == 2)).await;
    }
    redis.close(Duration::from_mins(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_hangs_costs_its_time_and_no_read() {
    let set = sentinel::start(1, 1).await;
    set.give_up_after(Duration::from_mins(5)).unwrap();
    let redis = connect_with(&set.url(), |config| {
        config.read_from = ReadFrom::PreferReplica;
        config.pipeline.attempt_timeout = Some(Duration::from_secs(1));
    })
    .await;
    redis.set("key", 1).await.unwrap();
    let replica = [sentinel::direct(&set, 1).await];
    until("it is asked", async || {
        redis.get::<Option<u64>>("key").await.unwrap();
        asked_all(&replica, "get").await > 0
    })
    .await;
    set.servers[1].freeze();
    redis.set("key", 2).await.unwrap();
    for _ in 0..20 {
        assert_eq!(redis.get::<u64>("key").await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_no_replica_is_asked() {
    let set = sentinel::start(1, 1).await;
    let redis = connect_patiently(&set.url(), |_| {}).await;
    set.give_up_after(Duration::from_mins(5)).unwrap();
    redis.set("key", 1).await.unwrap();
    for _ in 0..50 {
        assert_eq!(redis.get::<u64>("key").await.unwrap(), 1, "what was written is there");
    }
    assert_eq!(asked(&sentinel::direct(&set, 1).await, "get").await, 0);
}
