use std::time::Duration;

use seawall::core::Error;
use seawall::http::Http;
use seawall::sql::{Reply, Sql, Statement};
use seawall::{Health, HealthStatus};

use crate::loopback::Loopback;
use crate::support::{system, system_with};

pub(crate) fn reason<'h>(health: &'h Health, name: &str) -> &'h str {
    &health.checks.iter().find(|check| check.name == name).unwrap().reason
}

#[tokio::test]
async fn a_system_that_works_is_up() {
    let (io, _folder) = system().await;
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Up);
    let names: Vec<_> = health.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["sql", "http", "fs"]);
    assert!(health.checks.iter().all(|check| check.status == HealthStatus::Up && check.reason.is_empty()));
    assert_eq!(
        serde_json::to_string(&health.checks[0]).unwrap(),
        r#"{"name":"sql","status":"up","reason":""}"#
    );
}

#[tokio::test]
async fn a_circuit_forced_open_degrades_the_system_and_is_named() {
    let (io, _folder) = system().await;
    let server = Loopback::answering(200).await;
    io.http().get(&server.url).send().await.unwrap();
    io.http().breaker(&server.url).unwrap().force_open();
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(reason(&health, "http"), format!("open circuits: {}", server.url));
    assert_eq!(io.open_circuits(), std::slice::from_ref(&server.url));

    io.http().breaker(&server.url).unwrap().auto();
    assert_eq!(io.health().await.status, HealthStatus::Up);
    assert!(io.open_circuits().is_empty());
}

#[tokio::test]
async fn a_server_that_fails_opens_its_circuit_and_degrades_the_system() {
    let (io, _folder) = system().await;
    let failing = Loopback::answering(503).await;
    let working = Loopback::answering(200).await;
    io.http().get(&working.url).send().await.unwrap();
    // Fifty failures, and nothing but failures, open a circuit; and a POST is made once only.
    for _ in 0..50 {
        assert_eq!(io.http().post(&failing.url).send().await.unwrap().status(), 503);
    }
    assert_eq!(failing.requests(), 50);
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(reason(&health, "http"), format!("open circuits: {}", failing.url));
}

#[tokio::test]
async fn an_open_circuit_of_a_database_that_answers_degrades_the_system() {
    let (io, _folder) = system().await;
    let target = io.sql().pipeline().unwrap().targets()[0].target.clone();
    io.sql().pipeline().unwrap().breaker(&target).force_open();
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(reason(&health, "sql"), format!("open circuits: {target}"));
}

#[tokio::test]
async fn a_stack_of_your_own_is_not_judged() {
    let http = Http::from_service(tower::service_fn(async |_: http::Request<seawall::http::Body>| {
        Err::<http::Response<seawall::http::Body>, _>(std::io::Error::other("no"))
    }));
    let sql = Sql::from_service(tower::service_fn(async |_: Statement| Ok::<_, Error>(Reply::Changed(0))));
    let (io, _folder) = system_with(|builder| builder.http(http).sql(sql)).await;
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Up);
    assert_eq!(health.checks.len(), 1, "{health:?}");
}

#[tokio::test]
async fn a_system_that_shuts_down_is_down() {
    let (io, _folder) = system().await;
    io.shutdown(Duration::from_secs(10)).await.unwrap();
    let health = io.health().await;
    assert_eq!(health.status, HealthStatus::Down);
    assert_eq!(reason(&health, "system"), "the system is shutting down");
}

#[cfg(feature = "postgres")]
mod postgres {
    use seawall::core::CallContext;
    use seawall::{AsyncIoSystem, Config};
    use seawall_testkit::proxy::{Fault, FaultProxy, Faults};
    use seawall_testkit::servers::Postgres;
    use tokio::time::Instant;

    use super::*;

    async fn system_on(url: String) -> AsyncIoSystem {
        let mut config = Config::default();
        config.database_url = url.into();
        AsyncIoSystem::builder().config(config).build().await.unwrap()
    }

    #[tokio::test]
    async fn a_killed_database_is_down_until_it_is_back() {
        let mut server = Postgres::start().unwrap();
        let io = system_on(server.url()).await;
        assert_eq!(io.health().await.status, HealthStatus::Up);

        server.kill();
        let health = io.health().await;
        assert_eq!(health.status, HealthStatus::Down);
        let reason = reason(&health, "sql");
        assert!(reason.contains(&server.addr().to_string()) && !reason.is_empty(), "{reason}");

        server.restart().unwrap();
        assert_eq!(io.health().await.status, HealthStatus::Up);
    }

    /// A system whose database has answered, and now says nothing any more.
    async fn silenced() -> (AsyncIoSystem, FaultProxy, Postgres) {
        let server = Postgres::start().unwrap();
        let proxy = FaultProxy::start(server.addr(), 1).await.unwrap();
        let url = server.url().replace(&server.addr().port().to_string(), &proxy.addr().port().to_string());
        let io = system_on(url).await;
        assert_eq!(io.health().await.status, HealthStatus::Up);
        proxy.set(Faults::always(Fault::BlackHole));
        (io, proxy, server)
    }

    #[tokio::test]
    async fn a_database_that_says_nothing_is_down_at_the_callers_deadline() {
        let (io, _proxy, _server) = silenced().await;
        let second = Duration::from_secs(1);
        let context = CallContext::current().within(second, Instant::now().into_std());
        // It passes while the database is asked, and not before.
        let passes = async {
            tokio::time::pause();
            tokio::time::advance(second).await;
            tokio::time::resume();
        };
        let (health, ()) = tokio::join!(context.scope(io.health()), passes);
        assert_eq!(health.status, HealthStatus::Down);
        assert!(reason(&health, "sql").contains("deadline"), "{health:?}");
    }

    #[tokio::test]
    async fn a_database_that_says_nothing_is_down_after_five_seconds() {
        let (io, _proxy, _server) = silenced().await;
        tokio::time::pause();
        let start = Instant::now();
        assert_eq!(io.health().await.status, HealthStatus::Down);
        assert!(start.elapsed() < Duration::from_millis(5100), "{:?}", start.elapsed());
    }
}
