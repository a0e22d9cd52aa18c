//! Sessions and transactions that watch, in a cluster.

use seawall_core::FailureKind;
use seawall_redis::{Pipelined, Redis};

use crate::cluster::{Migration, each, home_of, start};
use crate::support::connect_patiently;

/// Adds one by reading first, so that only the watch keeps it from being lost.
async fn add_one(redis: &Redis, key: &str) {
    let add = redis.transaction::<()>(key, async |session| {
        let before: Option<u64> = session.command("GET").arg(key).query().await?;
        Ok(Some(Pipelined::default().command("SET").arg(key).arg(before.unwrap_or(0) + 1)))
    });
    add.await.unwrap().expect("it is never given up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_watches_keys_of_one_slot_wherever_that_is() {
    let cluster = start(3, 0).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    let keys: Vec<String> = (0..8).map(|number| format!("key{number}")).collect();
    for _ in 0..2 {
        let adding = keys.iter().flat_map(|key| [add_one(&redis, key), add_one(&redis, key)]);
        futures_util::future::join_all(adding).await;
    }
    assert_eq!(redis.mget::<Vec<u64>>(&keys).await.unwrap(), [4; 8]);

    let mut session = redis.session_for("{t}a").await.unwrap();
    session.command("SET").arg("{t}b").arg(1).execute().await.unwrap();
    session.command("WATCH").arg(&["{t}a", "{t}b"]).execute().await.unwrap();
    redis.set("{t}b", 2).await.unwrap();
    let set = Pipelined::default().command("SET").arg("{t}b").arg(3).atomic();
    assert_eq!(session.query::<Option<Vec<String>>>(set).await.unwrap(), None, "it was changed meanwhile");
    assert_eq!(redis.get::<u64>("{t}b").await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_follows_a_slot_that_has_moved_and_a_session_says_that_it_cannot() {
    let cluster = start(3, 0).await;
    let servers = each(&cluster).await;
    let redis = connect_patiently(&cluster.url(), |_| {}).await;
    add_one(&redis, "{t}count").await;
    let mut session = redis.session_for("{t}count").await.unwrap();
    let (slot, from) = home_of(&servers[0], "t").await;
    let to = (from + 1) % 3;
    let migration = Migration { cluster: &cluster, servers: &servers, slot, from, to };
    migration.begin().await;
    migration.hand_over_all().await;
    migration.end().await;

    let error = session.command("INCR").arg("{t}count").execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert!(!error.may_have_executed(), "{error}");
    assert!(error.to_string().contains("`session_for`"), "{error}");
    // Nobody has told the client yet.
    add_one(&redis, "{t}count").await;
    assert_eq!(servers[to].get::<u64>("{t}count").await.unwrap(), 2);
}
