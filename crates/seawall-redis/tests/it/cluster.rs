//! A real cluster, whose slots move and whose servers die.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_redis::redis::Value;
use seawall_redis::{Heard, Redis, RedisTier, Script};
use seawall_testkit::servers::RedisCluster;
use tokio::time::Instant;

use crate::faults::{Load, Writes};
use crate::support::{connect_to, patient, until};

pub(crate) async fn start(primaries: usize, replicas: usize) -> RedisCluster {
    tokio::task::spawn_blocking(move || RedisCluster::start(primaries, replicas)).await.unwrap().unwrap()
}

/// Each server by itself.
pub(crate) async fn each(cluster: &RedisCluster) -> Vec<Redis> {
    let mut each = Vec::new();
    for node in &cluster.nodes {
        each.push(connect_to(&node.url()).await);
    }
    each
}

/// Which of the servers has the slot of a key, by the equal parts that they begin with.
pub(crate) async fn home_of(redis: &Redis, key: &str) -> (u64, usize) {
    let slot: u64 = redis.command("CLUSTER").arg("KEYSLOT").arg(key).query().await.unwrap();
    (slot, (slot * 3 / 16384) as usize)
}

pub(crate) fn is_refused(result: Result<Value, Error>, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    assert!(!error.may_have_executed(), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_goes_to_the_server_of_its_key() {
    let cluster = start(3, 0).await;
    let redis = connect_to(&cluster.url()).await;
    until("every server answers", async || redis.ping().await.is_ok()).await;
    let keys: Vec<String> = (0..100).map(|number| format!("key{number}")).collect();
    for (number, key) in keys.iter().enumerate() {
        redis.set(key, number).await.unwrap();
    }
    let mut held = 0;
    for server in each(&cluster).await {
        let size: usize = server.command("DBSIZE").query().await.unwrap();
        assert!(size > 0, "a server has none of the keys");
        held += size;
    }
    assert_eq!(held, 100);

    // Of several keys at once the answers come in order, whichever servers they are from.
    let all: Vec<usize> = redis.mget(&keys).await.unwrap();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
    redis.rpush("list", "x").await.unwrap();
    let mixed: (Option<usize>, Option<String>, Option<usize>) =
        redis.mget(&["key1", "list", "key2"]).await.unwrap();
    assert_eq!(mixed, (Some(1), None, Some(2)));

    let mut pipelined = redis.pipelined().command("PING").ignore();
    for key in &keys {
        pipelined = pipelined.command("SET").arg(key).arg(1).ignore().command("INCR").arg(key);
    }
    let sums: Vec<i64> = pipelined.query().await.unwrap();
    assert_eq!(sums, [2; 100]);
    let error = redis
        .pipelined()
        .command("INCR")
        .arg("list")
        .command("INCR")
        .arg("key99")
        .execute()
        .await
        .unwrap_err();
    assert!(format!("{error:?}").contains("WRONGTYPE"), "{error:?}");

    // What has a connection of its own, a script, a transaction, what is heard, what is cached.
    assert_eq!(redis.blpop::<String>("list", Duration::from_secs(1)).await.unwrap().unwrap().1, "x");
    let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for key in &keys[..10] {
        assert_eq!(add.on(&redis).key(key).arg(2).query::<i64>().await.unwrap(), 4);
    }
    let both: (i64, i64) = redis
        .pipelined()
        .command("INCR")
        .arg("{u}a")
        .command("INCR")
        .arg("{u}b")
        .atomic()
        .query()
        .await
        .unwrap();
    assert_eq!(both, (1, 1));
    let lease = redis.try_lease("job", Duration::from_secs(10)).await.unwrap().unwrap();
    lease.release().await.unwrap();
    let mut news = redis.subscribe(["news"]).await.unwrap();
    redis.publish("news", "heard").await.unwrap();
    assert!(matches!(news.next().await, Some(Heard::Message(_))));
    let tier = RedisTier::new(&redis, "cache");
    let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    seawall_cache::SecondTier::set(&tier, "b", "there".into(), Duration::from_secs(9)).await.unwrap();
    let cached = seawall_cache::SecondTier::get(&tier, &names).await.unwrap();
    assert_eq!(cached.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);

    let stats = redis.stats().unwrap();
    assert_eq!(stats.connected, stats.connections, "{stats:?}");
    assert_eq!(stats.replaced.dropped, 0);
    redis.close(Duration::from_secs(5)).await.unwrap();
    assert!(news.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cluster_cannot_do_is_refused_with_a_word_on_what_to_do() {
    let cluster = start(3, 0).await;
    let redis = connect_to(&cluster.url()).await;
    is_refused(redis.command("FLUSHALL").query().await, "connect to each by a URL of its own");
    is_refused(redis.command("WATCH").arg("a").query().await, "`session_for`");
    is_refused(redis.command("SUBSCRIBE").arg("a").query().await, "listen with `subscribe`");
    is_refused(redis.session().await.map(|_| Value::Nil), "say by `session_for` for which keys it is");

    let connect = async |url: &str| Redis::connect(url, &patient(), Arc::new(())).await.unwrap_err();
    let alone = seawall_testkit::servers::redis_url().unwrap().replace("redis:", "redis-cluster:");
    let error = connect(alone.rsplit_once('/').unwrap().0).await;
    assert!(error.to_string().contains("of no cluster: let the URL begin with `redis`"), "{error}");
    for (url, words) in [
        ("redis-cluster://:s3cret@host/7", "there is a database"),
        ("redis-cluster://:s3cret@", "there is no host"),
        ("redis-cluster://:s3cret@host?x=s3cret", "a word that means nothing"),
    ] {
        let error = connect(url).await;
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    // A key that is elsewhere, for who speaks to one server only.
    let (_, home) = home_of(&each(&cluster).await[0], "a").await;
    let other = connect_to(&cluster.nodes[(home + 1) % 3].url()).await;
    let error = other.get::<Option<i64>>("a").await.unwrap_err();
    assert!(error.to_string().contains("let the URL begin with `redis-cluster`"), "{error}");
}

/// A slot that one server hands over to another.
pub(crate) struct Migration<'a> {
    pub(crate) cluster: &'a RedisCluster,
    pub(crate) servers: &'a [Redis],
    pub(crate) slot: u64,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Migration<'_> {
    pub(crate) async fn begin(&self) {
        let Self { cluster, from, to, .. } = self;
        self.set(*to, &["IMPORTING", &cluster.id(*from).unwrap()]).await;
        self.set(*from, &["MIGRATING", &cluster.id(*to).unwrap()]).await;
    }

    async fn hand_over(&self, keys: &[String]) {
        let target = self.cluster.nodes[self.to].addr();
        let migrate =
            self.servers[self.from].command("MIGRATE").arg(target.ip().to_string()).arg(target.port());
        migrate.arg("").arg(0).arg(5000).arg("KEYS").arg(keys).execute().await.unwrap();
    }

    pub(crate) async fn hand_over_all(&self) {
        loop {
            let some = self.servers[self.from].command("CLUSTER").arg("GETKEYSINSLOT").arg(self.slot).arg(10);
            let keys: Vec<String> = some.query().await.unwrap();
            if keys.is_empty() {
                return;
            }
            self.hand_over(&keys).await;
        }
    }

    pub(crate) async fn end(&self) {
        let id = self.cluster.id(self.to).unwrap();
        self.set(self.to, &["NODE", &id]).await;
        self.set(self.from, &["NODE", &id]).await;
    }

    async fn set(&self, server: usize, words: &[&str]) {
        let command = self.servers[server].command("CLUSTER").arg("SETSLOT").arg(self.slot).arg(words);
        command.execute().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_slot_that_is_on_its_way_is_found_at_either_server() {
    let cluster = start(3, 0).await;
    let servers = each(&cluster).await;
    let redis = connect_to(&cluster.url()).await;
    redis.set("{t}gone", 1).await.unwrap();
    redis.set("{t}here", 1).await.unwrap();
    let (slot, from) = home_of(&servers[0], "t").await;
    let to = (from + 1) % 3;
    let migration = Migration { cluster: &cluster, servers: &servers, slot, from, to };
    migration.begin().await;
    migration.hand_over(&["{t}gone".to_owned()]).await;
    for round in 2..5 {
        assert_eq!(redis.incr("{t}gone", 1).await.unwrap(), round);
        assert_eq!(redis.incr("{t}here", 1).await.unwrap(), round);
    }
    redis.set("{t}new", 1).await.unwrap();
    let both = redis.pipelined().command("INCR").arg("{t}gone").command("INCR").arg("{t}here");
    assert_eq!(both.query::<(i64, i64)>().await.unwrap(), (5, 5));
    // A script that was sent on and failed half-way is not sent again, whatever it says.
    let script = "redis.call('INCR', KEYS[1]) return redis.error_reply('OOM within')";
    let eval = redis.command("EVAL").arg(script).arg(1).arg("{t}gone");
    let error = eval.execute().await.unwrap_err();
    assert!(error.may_have_executed(), "{error:?}");
    assert_eq!(redis.command("DECR").arg("{t}gone").query::<i64>().await.unwrap(), 5);
    // What is of both servers at once has to wait.
    let both = redis.pipelined().command("INCR").arg("{t}gone").command("INCR").arg("{t}here").atomic();
    let error = both.execute().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error:?}");
    assert!(!error.may_have_executed(), "{error:?}");

    migration.hand_over_all().await;
    migration.end().await;
    for key in ["{t}gone", "{t}here"] {
        assert_eq!(redis.incr(key, 1).await.unwrap(), 6);
    }
    assert_eq!(servers[to].get::<i64>("{t}new").await.unwrap(), 1);
    let both = redis.pipelined().command("INCR").arg("{t}gone").command("INCR").arg("{t}here").atomic();
    assert_eq!(both.query::<(i64, i64)>().await.unwrap(), (7, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_lose_nothing_and_count_nothing_twice() {
    let cluster = start(3, 0).await;
    let servers = each(&cluster).await;
    let redis = connect_to(&cluster.url()).await;
    let load = Load::on(&redis);
    until("all have counted", async || {
        let counts: Vec<String> = (0..8).map(|writer| format!("count{writer}")).collect();
        let there: Vec<Option<i64>> = redis.mget(&counts).await.unwrap();
        there.iter().all(Option::is_some)
    })
    .await;
    for round in 0..2 {
        for writer in 0..8 {
            let (slot, home) = home_of(&servers[0], &format!("count{writer}")).await;
            let (from, to) = ((home + round) % 3, (home + round + 1) % 3);
            let migration = Migration { cluster: &cluster, servers: &servers, slot, from, to };
            migration.begin().await;
            migration.hand_over_all().await;
            // New keys go there already, and the server that had the slot sends to it.
            tokio::time::sleep(Duration::from_millis(30)).await;
            migration.end().await;
            let moved: i64 = servers[to].get(format!("count{writer}")).await.unwrap();
            assert!(moved > 0);
        }
    }
    load.check(&redis, Writes::AreKept).await;
    let stats = redis.stats().unwrap();
    assert_eq!(stats.replaced.dropped + stats.replaced.read_only, 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_takes_no_other_along_and_comes_back_by_itself() {
    let mut cluster = start(3, 0).await;
    let redis = connect_to(&cluster.url()).await;
    let mut keys = vec![String::new(); 3];
    for number in 0..20 {
        let key = format!("key{number}");
        let (_, home) = home_of(&connect_to(&cluster.nodes[0].url()).await, &key).await;
        keys[home] = key;
    }
    let load = Load::on(&redis);
    for victim in [1, 0, 2] {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cluster.nodes[victim].kill();
        // The others are well, however many calls fail at the one.
        for number in 0..20 {
            let other = &keys[(victim + 1 + number % 2) % 3];
            redis.set(other, number).await.unwrap();
        }
        until("it is noticed", async || {
            let failed = redis.set(&keys[victim], 1).await;
            failed.is_err_and(|error| !error.may_have_executed())
        })
        .await;
        cluster = tokio::task::spawn_blocking(move || {
            cluster.nodes[victim].restart().unwrap();
            cluster
        })
        .await
        .unwrap();
        // For two seconds it takes no writes, so that the others can say whether it is still the one.
        let direct = connect_to(&cluster.nodes[victim].url()).await;
        until("it takes writes", async || direct.set(&keys[victim], 1).await.is_ok()).await;
        let takes_writes = Instant::now();
        until("its keys are served again", async || redis.set(&keys[victim], 1).await.is_ok()).await;
        println!("its keys were served again {:?} after it took writes", takes_writes.elapsed());
    }
    load.check(&redis, Writes::AreKept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_for_good_is_left_for_its_replica_and_nothing_is_counted_twice() {
    let mut cluster = start(3, 1).await;
    let servers = each(&cluster).await;
    let redis = connect_to(&cluster.url()).await;
    let mut key = String::new();
    for number in 0.. {
        key = format!("key{number}");
        if home_of(&servers[0], &key).await.1 == 0 {
            break;
        }
    }
    let load = Load::on(&redis);
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.nodes[0].kill();
    until("the replica is promoted", async || {
        let role: Vec<Value> = servers[3].command("ROLE").query().await.unwrap();
        role[0] == Value::BulkString(b"master".to_vec())
    })
    .await;
    let promoted = Instant::now();
    until("a write is taken", async || redis.set(&key, 7).await.is_ok()).await;
    println!("writes were taken again {:?} after the replica was promoted", promoted.elapsed());
    load.check(&redis, Writes::MayBeLost).await;
    assert_eq!(servers[3].get::<i64>(&key).await.unwrap(), 7);
}
