//! The cache with a Redis behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall::core::Error;
use seawall::{AsyncIoSystem, BuildError, Config};
use seawall_testkit::servers::{Redis, redis_url};

const LONG: Duration = Duration::from_mins(10);

fn config(url: String, prefix: &str) -> Config {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();
    config.redis_url = url.into();
    config.redis_cache = Some(prefix.to_owned());
    config
}

async fn system(url: String, prefix: &str) -> AsyncIoSystem {
    AsyncIoSystem::builder().config(config(url, prefix)).build().await.unwrap()
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("shop-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Waits for something that another process has to hear of.
async fn until(condition: impl AsyncFn() -> bool) {
    for _ in 0..18_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it has not come about in three minutes");
}

/// Writes until the other system has it: a machine that stands still for a while lets a write to Redis run out of time,
/// which fails no caller.
async fn write(one: &AsyncIoSystem, other: &AsyncIoSystem, key: &str, value: &'static str) {
    until(async || {
        one.cache().set(key, value, LONG).await.unwrap();
        read(other, key).await.as_deref() == Some(value)
    })
    .await;
}

async fn read(io: &AsyncIoSystem, key: &str) -> Option<String> {
    io.cache().get(key).await.unwrap()
}

#[tokio::test]
async fn systems_of_one_word_share_entries_and_hear_what_is_outdated() {
    let (url, prefix) = (redis_url().unwrap(), unique());
    let (one, other) = (system(url.clone(), &prefix).await, system(url.clone(), &prefix).await);
    let stranger = system(url, &unique()).await;

    write(&one, &other, "user:1", "Ada").await;
    assert_eq!(read(&stranger, "user:1").await, None, "another service's cache");

    write(&one, &other, "user:1", "Grace").await;
    until(async || one.cache().remove("user:1").await.is_ok()).await;
    until(async || read(&other, "user:1").await.is_none()).await;
    assert!(other.stats().cache.invalidations_heard >= 2);
    let tombstone = one.redis().unwrap().exists(format!("{prefix}:default:k:user:1")).await.unwrap();
    assert_eq!(tombstone, 1, "it keeps slow loads from putting the value back");

    one.shutdown(LONG).await.unwrap();
    one.cache().set("user:2", "Alan", LONG).await.unwrap();
    assert_eq!(read(&one, "user:2").await.as_deref(), Some("Alan"), "the memory goes on");
}

#[tokio::test]
async fn a_dead_redis_fails_no_read_that_memory_or_the_source_can_answer() {
    let mut server = Redis::start().unwrap();
    let prefix = unique();
    let (one, other) = (system(server.url(), &prefix).await, system(server.url(), &prefix).await);
    write(&one, &other, "kept", "before").await;

    server.kill();
    let calls = Arc::new(AtomicU32::new(0));
    let mut remembered = 0;
    for number in 0..50 {
        let key = format!("key:{number}");
        let source = {
            let calls = Arc::clone(&calls);
            move || async move {
                calls.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Error>("from the source".to_owned())
            }
        };
        let loaded = other.cache().get_or_load(&key, LONG, source).await.unwrap();
        assert_eq!(loaded, "from the source");
        remembered += u32::from(read(&other, &key).await.as_ref() == Some(&loaded));
        other.cache().set(&key, "ours", LONG).await.unwrap();
        remembered += u32::from(read(&other, &key).await.as_deref() == Some("ours"));
        assert_eq!(read(&other, &format!("nowhere:{number}")).await, None);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 50);
    // It believes nothing any more as it loses its ear for the others, whenever it notices, and then its memory goes on.
    assert!(remembered >= 98, "{remembered} of 100");
    let stats = other.stats().cache;
    assert!(stats.second_tier_failures > 0 && stats.second_tier_skips > 0, "{stats:?}");
    let told = other.cache().remove("key:1").await;
    assert!(told.is_err(), "what others may go on serving is not called removed");

    server.restart().unwrap();
    until(async || {
        one.cache().set("again", "after", LONG).await.unwrap();
        read(&other, "again").await.is_some()
    })
    .await;
}

#[tokio::test]
async fn a_cache_in_a_redis_that_is_not_there_is_a_mistake() {
    let built = AsyncIoSystem::builder().config(config("off".to_owned(), "shop")).build().await;
    let Err(BuildError::Invalid(invalid)) = built else { panic!("{built:?}") };
    assert_eq!((invalid.field(), invalid.value()), ("redis_cache", "shop"));
    let empty = config(redis_url().unwrap(), "").validate().unwrap_err();
    assert_eq!(empty.field(), "redis_cache");
}

#[test]
fn the_word_is_read_from_files_and_variables() {
    let variable = |value: &str| [("SEAWALL_REDIS_CACHE".to_owned(), value.to_owned())];
    assert_eq!(Config::default().redis_cache, None);
    let read = Config::from_layers(None, variable("shop")).unwrap();
    assert_eq!(read.redis_cache.as_deref(), Some("shop"));
    assert_eq!(Config::from_layers(None, variable("off")).unwrap().redis_cache, None);
}
