use std::net::SocketAddr;
use std::num::NonZeroUsize;
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
    let mut config = patient();
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

/// The default, but for times that a machine which stands still for a while would use up, and with one shared connection,
/// however many processors there are.
pub(crate) fn patient() -> RedisConfig {
    let mut config = RedisConfig {
        connections: NonZeroUsize::new(1),
        connect_timeout: PATIENCE,
        slow_timeout: PATIENCE,
        blocking_margin: PATIENCE,
        ..RedisConfig::default()
    };
    config.dedicated.wait_timeout = PATIENCE;
    config.pipeline.attempt_timeout = Some(PATIENCE);
    // A circuit that has closed lets in all at once.
    config.pipeline.circuit_breaker.ramp = Duration::ZERO;
    config
}

const PATIENCE: Duration = Duration::from_mins(2);

/// How a call ends whose time passes once something has come about: at once, by the clock of a runtime of one thread,
/// so that nothing depends on how fast the machine is.
pub(crate) async fn overtaken<T>(call: impl Future<Output = T>, once: impl Future, time: Duration) -> T {
    let passes = async {
        once.await;
        pass(time).await;
    };
    tokio::join!(call, passes).0
}

/// Lets this much time pass at once.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Lets all tasks of a runtime of one thread do what they can do without waiting for anybody else.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
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
    for _ in 0..18_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within three minutes: {what}");
}
