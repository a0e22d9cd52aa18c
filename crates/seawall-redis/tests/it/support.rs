use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use seawall_redis::{Redis, RedisConfig};
use seawall_testkit::proxy::FaultProxy;
use seawall_testkit::servers::redis_url;

/// A client of an empty database on the server that all tests share.
pub(crate) async fn connect() -> Redis {
    connect_to(&redis_url().unwrap()).await
}

pub(crate) async fn connect_to(url: &str) -> Redis {
    connect_with(url, |_| {}).await
}

pub(crate) async fn connect_with(url: &str, adjust: impl FnOnce(&mut RedisConfig)) -> Redis {
    let mut config = RedisConfig::default();
    adjust(&mut config);
    Redis::connect(url, &config, Arc::new(())).await.unwrap()
}

/// A client that has all of its connections, and waits for an answer however slow the machine is.
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) async fn connect_patiently(url: &str, adjust: impl FnOnce(&mut RedisConfig)) -> Redis {
    const LONG: Duration = Duration::from_mins(5);
    let redis = connect_with(url, |config| {
        config.pipeline.attempt_timeout = Some(LONG);
        config.slow_timeout = LONG;
        adjust(config);
    })
    .await;
    until("every server answers", async || redis.ping().await.is_ok()).await;
    redis
}

/// The same server and database through a proxy.
pub(crate) fn through(url: &str, proxy: &FaultProxy) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_port(Some(proxy.addr().port())).unwrap();
    url.into()
}

pub(crate) fn address(url: &str) -> SocketAddr {
    let url = url::Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()).parse().unwrap()
}

/// Waits until something is so; a real server takes the time it takes.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 30 seconds: {what}");
}
