//! What is abandoned stops, on the server too.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use seawall_sql::Sql;
use tokio::time::Instant;

use crate::support::{connect, connect_with, count, on_every_database, out_of_time, within};

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
    tokio::time::timeout(Duration::from_mins(3), async {
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
        sql.close(Duration::from_mins(3)).await.unwrap();
    }

    async fn a_statement_that_runs_out_of_time_may_have_been_executed(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = NonZeroUsize::MIN).await;
        let direct = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let call = async |time| within(time).scope(sql.query(endless(url).text).execute()).await;
        let error = out_of_time(call, Error::may_have_executed).await;
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
        let begun = AtomicBool::new(false);
        let call = async |time| {
            sql.build_transaction().timeout(time).run(async |tx| {
                begun.store(true, Ordering::Relaxed);
                tx.execute(endless(url).text).await
            }).await
        };
        let error = out_of_time(call, |_| begun.load(Ordering::Relaxed)).await;
        assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
        until(async || running(&direct, url).await == 0).await;
        sql.execute("insert into t values (1)").await.unwrap();
        assert_eq!(count(&direct, "t").await, 1);
    }
}

/// The server's own limit, for when there is nobody left who could cancel.
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod servers {
    use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults};

    use super::*;
    use crate::support::{proxied, through};

    async fn gone_clients_statement_ends(url: &str) {
        let proxy = proxied(url).await;
        let direct = connect(url).await;
        direct.execute("create table t (n integer)").await.unwrap();
        let mut time = Duration::from_millis(500);
        let task = loop {
            let sql = connect_with(&through(url, &proxy), |config| {
                config.pipeline.deadline = Some(time);
            })
            .await;
            let text = endless(url).text;
            let task = tokio::spawn(async move { sql.execute(text).await });
            until(async || task.is_finished() || running(&direct, url).await == 1).await;
            if !task.is_finished() {
                break task;
            }
            // The machine stood still until the deadline.
            time *= 5;
            assert!(time < Duration::from_mins(2), "it never runs");
        };
        // Neither its end nor a request to cancel gets through any more.
        proxy.set(
            Faults::refuse()
                .with(Fault::HalfOpen { dead: Direction::Up }, seawall_testkit::proxy::Rule::Always),
        );
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
        until(async || running(&direct, url).await == 0).await;
    }

    /// How many bytes a statement takes to the server.
    async fn bytes_of<T>(proxy: &FaultProxy, call: impl AsyncFnOnce() -> T) -> u64 {
        let before = proxy.bytes(Direction::Up);
        call().await;
        proxy.bytes(Direction::Up) - before
    }

    async fn deadlines_cost_nothing(url: &str) {
        let proxy = proxied(url).await;
        let sql = connect_with(&through(url, &proxy), |config| {
            config.pool.size = NonZeroUsize::MIN;
            // On a machine that stands still for a while, nothing else is sent either.
            config.pool.validate_after_idle = Duration::from_hours(1);
        })
        .await;
        sql.execute("create table t (n integer)").await.unwrap();
        sql.execute("insert into t values (1)").await.unwrap();
        let select = async || {
            let select = sql.query("select n from t where n = :n").bind("n", 1);
            select.fetch_one::<(i64,)>().await
        };
        select().await.unwrap();
        let plain = bytes_of(&proxy, async || select().await.unwrap()).await;
        for time in [Duration::from_millis(900), Duration::from_secs(5), Duration::from_hours(1)] {
            // Where the machine stood still for that long, there is no answer, and another time.
            loop {
                select().await.unwrap();
                let mut answer = None;
                let bytes =
                    bytes_of(&proxy, async || answer = Some(within(time).scope(select()).await)).await;
                if answer.unwrap().is_ok() {
                    assert_eq!(bytes, plain, "within {time:?}");
                    break;
                }
            }
        }
        // The limit is lifted for a call that takes as long as it takes, and is back after it.
        let limit = async || {
            sql.query(if url.starts_with("mysql") {
                "select cast(@@max_statement_time * 1000 as integer)"
            } else {
                "select setting::int8 from pg_settings where name = 'statement_timeout'"
            })
            .fetch_one::<(i64,)>()
            .await
            .unwrap()
            .0
        };
        assert_eq!(limit().await, 31_000, "the pipeline's deadline of 30 s and one more");
        assert_eq!(CallContext::default().unhurried().scope(limit()).await, 0);
        let long =
            CallContext::default().unhurried().within(Duration::from_hours(1), Instant::now().into_std());
        assert!((3_000_000..=3_601_000).contains(&long.scope(limit()).await));
        assert_eq!(limit().await, 31_000);
        assert_eq!(bytes_of(&proxy, async || select().await.unwrap()).await, plain);
    }

    async fn transactions_have_the_limit_of_their_callers(url: &str, limit: &'static str) {
        let sql = connect_with(url, |config| config.pool.size = NonZeroUsize::MIN).await;
        let of = async |transaction: &mut seawall_sql::Transaction| {
            transaction.query(limit).fetch_one::<(i64,)>().await.unwrap().0
        };
        // It may take as long as it takes, where nobody says until when.
        let mut transaction = sql.begin().await.unwrap();
        assert_eq!(of(&mut transaction).await, 0);
        transaction.rollback().await.unwrap();
        let inside = sql
            .build_transaction()
            .timeout(Duration::from_secs(500))
            .run(async |tx| Ok::<_, seawall_core::Error>(of(tx).await))
            .await
            .unwrap();
        assert!((400_000..=501_000).contains(&inside), "{inside}");
        let (after,): (i64,) = sql.query(limit).fetch_one().await.unwrap();
        assert_eq!(after, 31_000);
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn mariadb_ends_a_statement_whose_client_is_gone() {
        gone_clients_statement_ends(&seawall_testkit::servers::mariadb_url().unwrap()).await;
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres_ends_a_statement_whose_client_is_gone() {
        gone_clients_statement_ends(&seawall_testkit::servers::postgres_url().unwrap()).await;
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn deadlines_cost_a_statement_of_mariadb_nothing() {
        deadlines_cost_nothing(&seawall_testkit::servers::mariadb_url().unwrap()).await;
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn deadlines_cost_a_statement_of_postgres_nothing() {
        deadlines_cost_nothing(&seawall_testkit::servers::postgres_url().unwrap()).await;
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn transactions_of_mariadb_have_the_limit_of_their_callers() {
        let limit = "select cast(@@max_statement_time * 1000 as integer)";
        transactions_have_the_limit_of_their_callers(
            &seawall_testkit::servers::mariadb_url().unwrap(),
            limit,
        )
        .await;
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn transactions_of_postgres_have_the_limit_of_their_callers() {
        let limit = "select setting::int8 from pg_settings where name = 'statement_timeout'";
        transactions_have_the_limit_of_their_callers(
            &seawall_testkit::servers::postgres_url().unwrap(),
            limit,
        )
        .await;
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_limit_of_the_users_own_is_left_alone() {
        let url = format!(
            "{}?options=-c%20statement_timeout%3D7000",
            seawall_testkit::servers::postgres_url().unwrap()
        );
        let sql = connect(&url).await;
        let limit = "select setting::int8 from pg_settings where name = 'statement_timeout'";
        let unhurried = CallContext::default().unhurried();
        let (lifted,): (i64,) = unhurried.scope(sql.query(limit).fetch_one()).await.unwrap();
        assert_eq!(lifted, 7_000);
    }
}
