//! GETs that the in-process tier in front of Redis answers: what one costs its thread, beside the bare engine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::Cache as QuickCache;
use rustix::time::{ClockId, clock_gettime};
use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_cache::{Cache, Codec};
use seawall_core::BoxError;
use seawall_redis::{Redis, RedisConfig, RedisTier};
use seawall_testkit::servers::Redis as Server;

use crate::Result;

const ROUNDS: usize = 12;
// As many as in the benchmark of the cache, and asked for as there: by Zipf's law.
const KEYS: usize = 10_000;
const GETS: usize = 200_000;
const HOUR: Duration = Duration::from_hours(1);

/// What both hold: a shared text of 100 bytes.
type Text = Arc<str>;

/// Texts as they are.
struct Plain;

impl Codec<Text> for Plain {
    fn id(&self) -> u8 {
        200
    }

    fn encode(&self, value: &Text, into: &mut Vec<u8>) -> std::result::Result<(), BoxError> {
        into.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: Bytes) -> std::result::Result<Text, BoxError> {
        Ok(std::str::from_utf8(&bytes)?.into())
    }
}

pub(crate) fn compare() -> Result<Vec<Comparison>> {
    let server = Server::start()?;
    let runtime = crate::runtime()?;
    let redis = runtime.block_on(Redis::connect(&server.url(), &RedisConfig::default(), Arc::new(())))?;
    let mut keys: Vec<String> = (0..KEYS).map(|n| format!("key:{n:08}")).collect();
    let (near, engine) = runtime.block_on(fill(&redis, &keys))?;
    let mut rng = fastrand::Rng::with_seed(1);
    // The logarithm of a rank is spread evenly.
    let rank = |chance: f64| (KEYS as f64).powf(chance) as usize;
    rng.shuffle(&mut keys);
    let picks: Vec<&str> = (0..GETS).map(|_| keys[rank(rng.f64()) - 1].as_str()).collect();

    let ours = || runtime.block_on(all(&near, &picks));
    let theirs = || picks.iter().for_each(|key| assert!(black_box(engine.get(black_box(*key))).is_some()));
    let mut sides = [side("seawall", ours), side("quick_cache", theirs)];
    let asked = runtime.block_on(gets_of(&redis))?;
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let each = if (turn + round) % 2 == 0 { (0, time(ours)) } else { (1, time(theirs)) };
            sides[each.0].samples.push(each.1);
        }
    }
    if runtime.block_on(gets_of(&redis))? != asked {
        return Err("Redis was asked for what memory had".into());
    }
    let [subject, peer] = sides;
    let what = "GET of 100 bytes, answered by the in-process tier".to_owned();
    let (unit, better, goal) = ("ns", Better::Lower, Some(1.5));
    Ok(vec![Comparison { what, subject, peer, unit, better, goal, threads: 1 }])
}

/// The same texts in both tiers of ours, and in the bare engine.
async fn fill(redis: &Redis, keys: &[String]) -> Result<(Cache<String, Text>, QuickCache<String, Text>)> {
    let tier = || Arc::new(RedisTier::new(redis, "bench"));
    let near = Cache::builder("near").capacity(2 * KEYS as u64).second_tier(tier(), Plain).build()?;
    // As it begins to listen it may have missed something, and forgets what memory has until then.
    let listens = async {
        while near.stats().invalidations_heard == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), listens).await?;
    let engine = QuickCache::new(2 * KEYS);
    for key in keys {
        let text: Text = format!("{key:x<100}").into();
        near.set(key.clone(), Arc::clone(&text), HOUR).await?;
        engine.insert(key.clone(), text);
    }
    // Another process finds them behind its memory.
    let other: Cache<String, Text> = Cache::builder("near").second_tier(tier(), Plain).build()?;
    if other.fetch(keys[0].as_str()).await?.as_deref() != engine.get(keys[0].as_str()).as_deref() {
        return Err("the second tier does not have what was set".into());
    }
    Ok((near, engine))
}

async fn all(near: &Cache<String, Text>, picks: &[&str]) {
    for key in picks {
        let found = near.fetch(black_box(*key)).await;
        assert!(black_box(found).is_ok_and(|text| text.is_some()));
    }
}

/// How often the server was asked for values.
async fn gets_of(redis: &Redis) -> Result<u64> {
    let stats: String = redis.command("INFO").arg("commandstats").query().await?;
    let calls = |line: &str| {
        let rest =
            ["cmdstat_get:calls=", "cmdstat_mget:calls="].iter().find_map(|name| line.strip_prefix(name))?;
        rest.split(',').next()?.parse::<u64>().ok()
    };
    Ok(stats.lines().filter_map(calls).sum())
}

fn side(name: &str, work: impl Fn()) -> Side {
    work();
    let (counted, ()) = allocations::count(&work);
    Side {
        allocations: Some(counted.count as f64 / GETS as f64),
        bytes: Some(counted.bytes as f64 / GETS as f64),
        ..Side::new(name, Vec::new())
    }
}

/// Nanoseconds of the processor for each.
fn time(work: impl Fn()) -> f64 {
    let read = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let before = read();
    work();
    read().saturating_sub(before).as_nanos() as f64 / GETS as f64
}
