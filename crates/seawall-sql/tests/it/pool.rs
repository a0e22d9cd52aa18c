use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::FailureKind;

use crate::support::{File, connect, connect_with, count};

#[tokio::test]
async fn a_caller_who_waits_too_long_learns_how_the_pool_stands() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.wait_timeout = Duration::from_millis(20)).await;
    let transaction = sql.begin().await.unwrap();
    let error = sql.begin().await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Overloaded { .. }));
    assert!(error.to_string().contains("1 of 1 connections open, 0 idle, 1 callers waiting"), "{error}");
    assert!(!error.may_have_executed());
    assert_eq!(sql.stats().unwrap().writer.timeouts, 1);
    transaction.rollback().await.unwrap();
    sql.begin().await.unwrap().rollback().await.unwrap();
}

#[tokio::test]
async fn waiters_beyond_the_bound_are_refused_at_once() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.max_waiters = 0).await;
    let transaction = sql.begin().await.unwrap();
    let error = sql.begin().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert!(error.to_string().contains("too many callers"), "{error}");
    drop(transaction);
}

#[tokio::test]
async fn a_connection_that_grew_old_is_replaced() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.max_lifetime = Duration::ZERO).await;
    sql.execute("create table t (n integer)").await.unwrap();
    sql.execute("insert into t values (1)").await.unwrap();
    let stats = sql.stats().unwrap().writer;
    assert_eq!((stats.opened, stats.destroyed), (3, 3));
}

#[tokio::test]
async fn a_database_in_memory_survives_the_loss_of_its_connection() {
    let sql = connect("sqlite::memory:").await;
    sql.execute("create table t (n integer)").await.unwrap();
    sql.execute("insert into t values (1)").await.unwrap();
    drop(sql.begin().await.unwrap());
    assert_eq!(count(&sql, "t").await, 1);
    let other = connect("sqlite::memory:").await;
    assert_eq!(other.table("t").await.unwrap(), None, "every client has a memory of its own");
}

#[tokio::test]
async fn closing_waits_for_what_is_at_work_and_refuses_what_comes() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.size = NonZeroUsize::new(2).unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    let closing = tokio::spawn({
        let sql = sql.clone();
        async move { sql.close(Duration::from_mins(1)).await }
    });
    // The readers are closed first: once they are, the client refuses.
    while sql.query("select 1").fetch_one::<(i64,)>().await.is_ok() {
        tokio::task::yield_now().await;
    }
    transaction.execute("insert into t values (1)").await.unwrap();
    transaction.commit().await.unwrap();
    closing.await.unwrap().unwrap();
    let refused = sql.execute("insert into t values (2)").await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Refused);
    assert_eq!(count(&connect(&file.url()).await, "t").await, 1);
}

#[tokio::test]
async fn closing_gives_up_at_its_deadline() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    let _open = sql.begin().await.unwrap();
    // Only now: SQLite answers from a thread of its own, which the paused clock would not wait for.
    tokio::time::pause();
    let error = sql.close(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.to_string().contains("1 connections were still at work"), "{error}");
}
