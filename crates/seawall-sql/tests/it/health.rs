use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::Error;
use seawall_sql::{HealthState, Reply, Sql, Statement};

use crate::support::{File, connect, connect_with, on_every_database};

on_every_database! {
    async fn a_database_that_answers_is_healthy_and_a_full_pool_is_not_asked(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = NonZeroUsize::MIN).await;
        let health = sql.health().await;
        assert_eq!((health.state, health.reasons.len()), (HealthState::Healthy, 0), "{health:?}");
        let busy = sql.begin().await.unwrap();
        let one_more = tokio::spawn({
            let sql = sql.clone();
            async move { sql.begin().await }
        });
        tokio::time::timeout(Duration::from_mins(1), async {
            while sql.stats().unwrap().writer.waiting == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("nobody waits");
        let health = sql.health().await;
        assert_eq!(health.state, HealthState::Degraded, "{health:?}");
        assert_eq!(health.reasons, ["all 1 connections are in use, and 1 callers wait"]);
        busy.rollback().await.unwrap();
        one_more.await.unwrap().unwrap().rollback().await.unwrap();
        assert_eq!(sql.health().await.state, HealthState::Healthy);
    }
}

#[tokio::test]
async fn a_circuit_that_is_open_is_told_while_the_database_answers() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    sql.query("select 1").fetch_one::<seawall_sql::Row>().await.unwrap();
    let pipeline = sql.pipeline().unwrap();
    pipeline.breaker(&pipeline.targets()[0].target).force_open();
    let health = sql.health().await;
    assert_eq!(health.state, HealthState::Degraded);
    assert!(health.reasons[0].starts_with("open circuits: "), "{health:?}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_database_that_is_gone_is_down_and_healthy_when_it_is_back() {
    let mut server = seawall_testkit::servers::Postgres::start().unwrap();
    let sql = connect(&server.url()).await;
    server.kill();
    let health = sql.health().await;
    assert_eq!(health.state, HealthState::Down, "{health:?}");
    server.restart().unwrap();
    assert_eq!(sql.health().await.state, HealthState::Healthy);
}

#[tokio::test]
async fn nothing_is_known_of_a_service_of_somebody_elses() {
    let sql =
        Sql::from_service(tower::service_fn(|_: Statement| async { Ok::<_, Error>(Reply::Changed(0)) }));
    let health = sql.health().await;
    assert_eq!((health.state, health.pools), (HealthState::Healthy, None));
}
