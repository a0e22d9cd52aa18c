//! What is abandoned stops, on the server too.

use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{CallContext, FailureKind};
use seawall_sql::Sql;
use tokio::time::Instant;

use crate::support::{connect, connect_with, count, on_every_database};

/// A statement that lasts for ever, and how to count those that run.
struct Endless {
    text: &'static str,
    running: &'static str,
}

fn endless(url: &str) -> Endless {
    match url.split_once(':').unwrap().0 {
        // One that runs there keeps others from writing.
        "sqlite" => Endless {
            text: "insert into t with recursive r(n) as (select 1 union all select n + 1 from r) select n from r where n < 0",
            running: "select 0",
        },
        "mysql" => Endless {
            text: "insert into t select sleep(600)",
            running: "select count(*) from information_schema.processlist where db = database() \
                      and info like 'insert into t select sleep%'",
        },
        _ => Endless {
            text: "insert into t select 1 from pg_sleep(600)",
            running: "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' \
                      and query like 'insert into t select 1 from pg_sleep%'",
        },
    }
}

async fn running(direct: &Sql, url: &str) -> i64 {
    direct.query(endless(url).running).fetch_one::<(i64,)>().await.unwrap().0
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    tokio::time::timeout(Duration::from_mins(1), async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it takes too long");
}

on_every_database! {
    async fn a_dropped_statement_stops_and_its_place_is_taken_by_the_next_caller(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = NonZeroUsize::MIN).await;
        let direct = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let mut slowest = (Duration::ZERO, Duration::ZERO);
        for round in 1..=5 {
            let task = tokio::spawn({
                let (sql, text) = (sql.clone(), endless(url).text);
                async move { sql.execute(text).await }
            });
            if url.starts_with("sqlite") {
                // It is at work when the only connection that writes is in use, a little later.
                until(async || sql.stats().unwrap().writer.in_use == 1).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            } else {
                until(async || running(&direct, url).await == 1).await;
            }
            task.abort();
            let dropped = Instant::now();
            assert!(task.await.unwrap_err().is_cancelled());
            sql.execute("insert into t values (1)").await.unwrap();
            let served = dropped.elapsed();
            until(async || running(&direct, url).await == 0).await;
            slowest = (slowest.0.max(served), slowest.1.max(dropped.elapsed()));
            assert_eq!(count(&direct, "t").await, round);
        }
        println!("{}: the next caller served after {:?}, the statement gone after {:?} (slowest of five)", sql.system().unwrap(), slowest.0, slowest.1);
        sql.close(Duration::from_secs(30)).await.unwrap();
    }

    async fn a_statement_that_runs_out_of_time_may_have_been_executed(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = NonZeroUsize::MIN).await;
        let direct = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let soon = CallContext::default().within(Duration::from_millis(100), Instant::now().into_std());
        let error = soon.scope(sql.query(endless(url).text).execute()).await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Timeout, true), "{error}");
        until(async || running(&direct, url).await == 0).await;
        sql.execute("insert into t values (1)").await.unwrap();
        assert_eq!(count(&direct, "t").await, 1);
    }

    async fn a_deadline_that_has_passed_asks_nothing_of_the_database(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let _all = sql.begin().await.unwrap();
        let past = CallContext::default().within(Duration::ZERO, Instant::now().into_std());
        let late = past.scope(sql.query("insert into t values (1)").execute()).await.unwrap_err();
        assert_eq!(late.kind(), FailureKind::Refused);
    }

    async fn a_statement_in_a_transaction_stops_at_its_deadline(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = NonZeroUsize::MIN).await;
        let direct = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let error = sql.build_transaction().timeout(Duration::from_millis(150))
            .run(async |tx| tx.execute(endless(url).text).await).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
        until(async || running(&direct, url).await == 0).await;
        sql.execute("insert into t values (1)").await.unwrap();
        assert_eq!(count(&direct, "t").await, 1);
    }
}
