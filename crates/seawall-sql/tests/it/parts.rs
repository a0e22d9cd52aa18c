//! What is written in parts: it is not done before its last part is, and what may be done in part is not repeated.

use std::time::Duration;

use futures_util::StreamExt;
use seawall_core::FailureKind;
use seawall_sql::Sql;

use crate::support::{File, connect, connect_with, count};

/// A statement that writes 1 into `t` for good, and then fails as if somebody else had been in the way.
async fn is_not_repeated(sql: &Sql, text: &str) {
    let error = sql.execute(text).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert!(error.may_have_executed(), "{error}");
    assert_eq!(error.attempts(), 1, "{error}");
    assert_eq!(count(sql, "t").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_statements_the_first_is_not_repeated_because_the_second_came_to_nothing() {
    let (file, locked) = (File::new(), File::new());
    let sql = connect_with(&file.url(), |config| config.sqlite.busy_timeout = Duration::ZERO).await;
    let other = connect(&locked.url()).await;
    other.execute("create table u (n integer)").await.unwrap();
    sql.execute("create table t (n integer)").await.unwrap();
    let path = locked.url();
    let path = path.strip_prefix("sqlite://").unwrap();
    sql.execute(&format!("attach '{path}' as locked")).await.unwrap();
    let held = other.begin().await.unwrap();
    is_not_repeated(&sql, "insert into t values (1); insert into locked.u values (1)").await;
    held.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_the_second_that_breaks_off_says_that_the_first_may_be_done() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    // The last number has no positive counterpart.
    let numbers = "with recursive r(n) as (select 1 union all select n + 1 from r where n < 1000) \
                   select abs(iif(n < 1000, n, -9223372036854775808)) from r";
    let mut rows = sql.query(&format!("insert into t values (1); {numbers}")).stream().await.unwrap();
    let mut last = rows.next().await.unwrap();
    while last.is_ok() {
        last = rows.next().await.unwrap();
    }
    let error = last.unwrap_err();
    assert!(error.may_have_executed(), "{error}");
    assert_eq!(count(&sql, "t").await, 1);
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_procedure_of_mariadb_is_not_repeated() {
    let sql = connect(&seawall_testkit::servers::mariadb_url().unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let procedure = "create procedure p() begin insert into t values (1); \
                     signal sqlstate '40001' set mysql_errno = 1213, message_text = 'in the way'; end";
    sql.execute(procedure).await.unwrap();
    is_not_repeated(&sql, "call p()").await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_procedure_or_block_of_postgres_that_commits_is_not_repeated() {
    let sql = connect(&seawall_testkit::servers::postgres_url().unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let body = "$$ begin insert into t values (1); commit; raise exception 'in the way' using errcode = '40001'; end $$";
    sql.execute(&format!("create procedure p() language plpgsql as {body}")).await.unwrap();
    is_not_repeated(&sql, "call p()").await;
    sql.execute("delete from t").await.unwrap();
    is_not_repeated(&sql, &format!("do {body}")).await;
}

/// The row comes before the constraint is looked at.
async fn is_refused_at_its_end(url: &str) {
    let sql = connect(url).await;
    sql.execute("create table parent (id integer primary key)").await.unwrap();
    let child =
        "create table t (id integer, parent integer references parent (id) deferrable initially deferred)";
    sql.execute(child).await.unwrap();
    let insert = "insert into t values (1, 2) returning id";
    // Through the layers at first, and past them when the text is known.
    for _ in 0..2 {
        let error = sql.query(insert).fetch_one::<(i64,)>().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(!error.may_have_executed(), "{error}");
        let error = sql.query(insert).fetch_optional::<(i64,)>().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
    }
    assert_eq!(count(&sql, "t").await, 0);
    sql.execute("insert into parent values (2)").await.unwrap();
    let row: (i64,) =
        sql.query("insert into t values (1, 2), (3, 2) returning id").fetch_one().await.unwrap();
    assert_eq!(row, (1,));
    assert_eq!(count(&sql, "t").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sqlite_refuses_at_the_end_is_not_told_as_done_with_its_first_row() {
    is_refused_at_its_end(&File::new().url()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_refuses_at_the_end_is_not_told_as_done_with_its_first_row() {
    is_refused_at_its_end(&seawall_testkit::servers::postgres_url().unwrap()).await;
}
