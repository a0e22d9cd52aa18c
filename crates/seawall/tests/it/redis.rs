//! The system with a Redis.

use std::time::Duration;

use seawall::{AsyncIoSystem, Config, HealthStatus};
use seawall_testkit::servers::{Redis, redis_url};

fn config(url: String) -> Config {
    let mut config = Config::default();
    config.database_url = "sqlite::memory:".into();
    config.redis_url = url.into();
    config
}

#[tokio::test]
async fn a_system_has_a_redis_only_if_it_is_told_where() {
    let io = AsyncIoSystem::builder().config(config("off".to_owned())).build().await.unwrap();
    assert!(io.redis().is_none());
    assert!(io.health().await.checks.iter().all(|check| check.name != "redis"));

    let io = AsyncIoSystem::builder().config(config(redis_url().unwrap())).build().await.unwrap();
    let redis = io.redis().unwrap();
    redis.set("a", 1).await.unwrap();
    assert_eq!(redis.get::<i64>("a").await.unwrap(), 1);
    let stats = io.stats();
    assert_eq!(stats.redis.unwrap().connected, stats.redis.unwrap().connections);
    assert!(stats.targets.contains_key("redis"));
    io.shutdown(Duration::from_secs(30)).await.unwrap();
    assert!(redis.get::<i64>("a").await.is_err());
}

#[tokio::test]
async fn a_system_starts_while_its_redis_is_away_and_says_so() {
    let mut server = Redis::start().unwrap();
    server.kill();
    let io = AsyncIoSystem::builder().config(config(server.url())).build().await.unwrap();
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Down);
    server.restart().unwrap();
    for _ in 0..3_000 {
        if io.health().await.status == HealthStatus::Up {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the redis is back and nobody noticed");
}

#[test]
fn no_password_of_redis_is_shown() {
    let config = config("redis://:hunter2@cache".to_owned());
    assert!(!format!("{config:?}").contains("hunter2"));
    let error =
        Config::from_layers(None, [("SEAWALL_REDIS_URL".to_owned(), "http://:hunter2@cache".to_owned())]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("redis_url") && !error.contains("hunter2"), "{error}");
}
