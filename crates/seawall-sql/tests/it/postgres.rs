use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sql::{COMMIT_UNKNOWN, Row, Sql};
use seawall_testkit::proxy::{Direction, Fault, Faults};
use seawall_testkit::servers::{Postgres, postgres_url};

use crate::support::{connect, connect_with, count, out_of_time, proxied, through, within};

#[tokio::test]
async fn values_take_the_type_that_the_server_expects() {
    let sql = connect(&postgres_url().unwrap()).await;
    sql.execute("create type mood as enum ('good', 'bad')").await.unwrap();
    sql.execute(
        "create table t (a int2, b int4, c numeric(10,2), d uuid, e timestamptz, f timestamp, g date, h time, i jsonb, \
         j json, k bytea, l mood, m bool, n real)",
    )
    .await
    .unwrap();
    sql.execute("insert into t values (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k, :l, :m, :n)")
        .bind("a", -3)
        .bind("b", 70_000)
        .bind("c", "12.5")
        .bind("d", "550e8400-e29b-41d4-a716-446655440000")
        .bind("e", "2024-02-29T12:00:00.5+02:00")
        .bind("f", "1999-12-31T23:59:59")
        .bind("g", "1970-01-01")
        .bind("h", "08:30:00")
        .bind("i", "{\"x\":1}")
        .bind("j", "[1]")
        .bind("k", vec![1_u8, 0])
        .bind("l", "bad")
        .bind("m", true)
        .bind("n", 0.5)
        .await
        .unwrap();
    let row: Row = sql.query("select * from t").fetch_one().await.unwrap();
    assert_eq!((row.get::<i64>("a").unwrap(), row.get::<i64>("b").unwrap()), (-3, 70_000));
    for (column, text) in [
        ("c", "12.50"),
        ("d", "550e8400-e29b-41d4-a716-446655440000"),
        ("e", "2024-02-29T10:00:00.5Z"),
        ("f", "1999-12-31T23:59:59"),
        ("g", "1970-01-01"),
        ("h", "08:30:00"),
        ("i", "{\"x\": 1}"),
        ("j", "[1]"),
        ("l", "bad"),
    ] {
        assert_eq!(row.get::<String>(column).unwrap(), text, "{column}");
    }
    assert_eq!(row.get::<Vec<u8>>("k").unwrap(), [1, 0]);
    assert!(row.get::<bool>("m").unwrap());
    // NULL fits everything, and the same text may be given other kinds of values the next time.
    sql.execute("update t set a = :a, d = :d, l = :l")
        .bind("a", None::<i64>)
        .bind("d", None::<String>)
        .bind("l", None::<String>)
        .await
        .unwrap();
    sql.execute("update t set a = :a, d = :d, l = :l")
        .bind("a", 1)
        .bind("d", None::<i64>)
        .bind("l", "good")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_refused_before_it_is_sent() {
    let sql = connect(&postgres_url().unwrap()).await;
    sql.execute("create table t (a int4, b uuid)").await.unwrap();
    let big = sql.execute("insert into t (a) values (:a)").bind("a", 1_i64 << 40).await.unwrap_err();
    assert!(big.to_string().contains("does not fit a parameter of type INT4"), "{big}");
    let bad = sql.execute("insert into t (b) values (:b)").bind("b", "hunter2").await.unwrap_err();
    assert!(bad.to_string().contains("no UUID") && !bad.to_string().contains("hunter2"), "{bad}");
    let interval = sql.query("select interval '1 day' as a").fetch_one::<Row>().await.unwrap_err();
    assert!(interval.to_string().contains("::text"), "{interval}");
}

#[tokio::test]
async fn sessions_are_back_after_the_server_is_killed_and_restarted() {
    let mut server = Postgres::start().unwrap();
    let sql = connect_with(&server.url(), |config| config.pool.size = NonZeroUsize::new(4).unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let all: Vec<_> = {
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(sql.begin().await.unwrap());
        }
        open
    };
    for transaction in all {
        transaction.rollback().await.unwrap();
    }
    assert_eq!(sql.stats().unwrap().writer.idle, 4);
    server.kill();
    let dead = sql.execute("insert into t values (1)").await.unwrap_err();
    assert_eq!(dead.kind(), FailureKind::Transient, "{dead}");
    server.restart().unwrap();
    // The first to fail told all others: the three that are left are asked before they are used.
    for n in 0..4 {
        sql.execute("insert into t values (:n)").bind("n", n).await.unwrap();
    }
    assert_eq!(count(&sql, "t").await, 4);
}

#[tokio::test]
async fn cancelled_begins_lose_no_acknowledged_insert_over_a_slow_network() {
    let url = postgres_url().unwrap();
    let proxy = proxied(&url).await;
    let sql = connect_with(&through(&url, &proxy), |config| config.pool.size = NonZeroUsize::MIN).await;
    sql.execute("create table t (id integer)").await.unwrap();
    proxy.set(Faults::always(Fault::Latency { delay: Duration::from_millis(2), jitter: Duration::ZERO }));
    let mut random = fastrand::Rng::with_seed(11);
    let mut cancelled = 0;
    for id in 0..60 {
        let work = async {
            let transaction = sql.begin().await?;
            transaction.rollback().await
        };
        let patience = Duration::from_micros(random.u64(500..12_000));
        cancelled += i64::from(tokio::time::timeout(patience, work).await.is_err());
        sql.execute("insert into t values (:id)").bind("id", id).await.unwrap();
    }
    assert!(cancelled > 5, "only {cancelled} were cancelled");
    let direct = connect(&url).await;
    assert_eq!(count(&direct, "t").await, 60);
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_says_so() {
    let url = postgres_url().unwrap();
    let proxy = proxied(&url).await;
    let sql = connect(&through(&url, &proxy)).await;
    sql.execute("create table t (n integer)").await.unwrap();

    let call = async |time| {
        proxy.set(Faults::none());
        let mut transaction = sql.begin().await.unwrap();
        transaction.execute("insert into t values (1)").await.unwrap();
        // The COMMIT arrives and its answer does not.
        proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
        within(time).scope(transaction.commit()).await
    };
    let error = out_of_time(call, Error::may_have_executed).await;
    assert_eq!((error.layer(), error.kind()), (COMMIT_UNKNOWN, FailureKind::Timeout), "{error}");
    assert!(error.may_have_executed() && error.to_string().contains("unknown"), "{error}");
    let direct = connect(&url).await;
    while count(&direct, "t").await == 0 {
        tokio::task::yield_now().await;
    }

    proxy.set(Faults::none());
    let sql = connect(&through(&url, &proxy)).await;
    let mut transaction = sql.begin().await.unwrap();
    transaction.execute("insert into t values (2)").await.unwrap();
    proxy.set(Faults::always(Fault::Reset));
    let error = transaction.commit().await.unwrap_err();
    assert_eq!((error.layer(), error.kind()), (COMMIT_UNKNOWN, FailureKind::Transient), "{error}");
    assert!(error.may_have_executed());
}

#[tokio::test]
async fn a_cancelled_statement_stops_on_the_server_too() {
    let url = postgres_url().unwrap();
    let sql = connect(&url).await;
    let call = async |time| within(time).scope(sql.query("select pg_sleep(600)").fetch_all::<Row>()).await;
    let error = out_of_time(call, Error::may_have_executed).await;
    assert_eq!(error.kind(), FailureKind::Timeout);
    until_nobody(&sql, "query like '%pg_sleep(600)' and state = 'active'").await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_no_session_behind() {
    let sql = connect(&postgres_url().unwrap()).await;
    drop(sql.begin().await.unwrap());
    until_nobody(&sql, "state like 'idle in transaction%' and datname = current_database()").await;
}

async fn until_nobody(sql: &Sql, condition: &str) {
    let text = format!("select count(*) from pg_stat_activity where pid <> pg_backend_pid() and {condition}");
    tokio::time::timeout(Duration::from_mins(3), async {
        while sql.query(&text).fetch_one::<(i64,)>().await.unwrap().0 > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("somebody still is there");
}
