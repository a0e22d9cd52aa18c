use std::num::NonZeroUsize;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sql::ColumnType::{self, Boolean, Integer, Real, Text, Timestamp};
use seawall_sql::{Cell, Row, RowBatch, Value};
use seawall_testkit::servers::{MariaDb, mariadb_url};

use crate::support::{connect, connect_with, count, out_of_time, table, within};

#[tokio::test]
async fn values_survive_the_way_there_and_back() {
    let sql = connect(&mariadb_url().unwrap()).await;
    sql.execute(
        "create table t (a tinyint, b bigint unsigned, c decimal(30,10), d uuid, e timestamp(6) null, f datetime(3), \
         g date, h time(1), i json, j binary(3), k varbinary(9), l enum('good', 'bad'), m boolean, n float, o bit(12), \
         p year, q text collate utf8mb4_bin, r blob, s char(3), t set('x', 'y'), u tinyint(1) unsigned)",
    )
    .await
    .unwrap();
    sql.execute(
        "insert into t values (:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k, :l, :m, :n, b'101010101010', :p, :q, :r, :s, \
         :t, :u)",
    )
    .bind("a", -3)
    .bind("b", "18446744073709551615")
    .bind("c", "12345678901234567890.5")
    .bind("d", "550e8400-e29b-41d4-a716-446655440000")
    .bind("e", "2024-02-29T10:00:00.25")
    .bind("f", "1999-12-31 23:59:59")
    .bind("g", "1970-01-01")
    .bind("h", "-08:30:00.5")
    .bind("i", "{\"x\":1}")
    .bind("j", vec![1_u8, 0, 2])
    .bind("k", vec![0xff_u8])
    .bind("l", "bad")
    .bind("m", true)
    .bind("n", 0.5)
    .bind("p", 2024)
    .bind("q", "grüße \\ 'n'")
    .bind("r", vec![0_u8])
    .bind("s", "ab")
    .bind("t", "x,y")
    .bind("u", 200)
    .await
    .unwrap();
    let row: Row = sql.query("select * from t").fetch_one().await.unwrap();
    for (column, number) in [("a", -3), ("o", 0b1010_1010_1010), ("p", 2024), ("u", 200)] {
        assert_eq!(row.get::<i64>(column).unwrap(), number, "{column}");
    }
    assert_eq!(row.get::<u64>("b").unwrap(), u64::MAX);
    for (column, text) in [
        ("c", "12345678901234567890.5000000000"),
        ("d", "550e8400-e29b-41d4-a716-446655440000"),
        ("e", "2024-02-29T10:00:00.25Z"),
        ("f", "1999-12-31T23:59:59"),
        ("g", "1970-01-01"),
        ("h", "-08:30:00.5"),
        ("i", "{\"x\":1}"),
        ("l", "bad"),
        ("q", "grüße \\ 'n'"),
        ("s", "ab"),
        ("t", "x,y"),
    ] {
        assert_eq!(row.get::<String>(column).unwrap(), text, "{column}");
    }
    for (column, bytes) in [("j", vec![1, 0, 2]), ("k", vec![0xff]), ("r", vec![0])] {
        assert_eq!(row.get::<Vec<u8>>(column).unwrap(), bytes, "{column}");
    }
    assert!(row.get::<bool>("m").unwrap());
    assert_eq!(row.value("n"), Some(&Value::Real(0.5)));
    let midnight: Row =
        sql.query("select cast('2024-01-01' as datetime) as at, null as no").fetch_one().await.unwrap();
    assert_eq!(midnight.get::<String>("at").unwrap(), "2024-01-01T00:00:00");
    assert_eq!(midnight.value("no"), Some(&Value::Null));
}

#[tokio::test]
async fn a_session_reads_texts_as_they_were_compiled() {
    let url = mariadb_url().unwrap();
    let admin = connect(&url).await;
    let sql = connect(&url).await;
    let before: (String,) = admin.query("select @@global.sql_mode").fetch_one().await.unwrap();
    // A session takes its mode from the server when it begins.
    admin
        .execute("set global sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,NO_ENGINE_SUBSTITUTION'")
        .await
        .unwrap();
    let odd = connect(&url).await;
    admin.execute("set global sql_mode = :before").bind("before", before.0).await.unwrap();
    for sql in [sql, odd] {
        let text = r"select 'it\'s', :a || :b, '\\' -- :c";
        let row: (String, String, String) =
            sql.query(text).bind("a", "x").bind("b", "y").fetch_one().await.unwrap();
        assert_eq!(row, ("it's".into(), "xy".into(), "\\".into()));
        sql.execute("create or replace table t (a varchar(2))").await.unwrap();
        let long = sql.execute("insert into t values ('long')").await.unwrap_err();
        assert!(long.to_string().contains("too long"), "{long}");
        let (name,): (String,) =
            sql.query("select `a` from (select 'q' as `a`) as `:x`").fetch_one().await.unwrap();
        assert_eq!(name, "q");
    }
}

#[tokio::test]
async fn what_would_commit_a_transaction_is_refused_in_one() {
    let sql = connect(&mariadb_url().unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    transaction.execute("insert into t values (1)").await.unwrap();
    for text in ["create table u (n integer)", "truncate t", "/*!40000 alter table t add m integer */"] {
        let refused = transaction.execute(text).await.unwrap_err();
        assert!(refused.to_string().contains("would commit the transaction"), "{refused}");
        assert!(!refused.may_have_executed());
    }
    transaction.execute("create temporary table v (n integer)").await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(count(&sql, "t").await, 0);
    for text in ["set autocommit = 0", "xa begin 'x'"] {
        assert_eq!(sql.execute(text).await.unwrap_err().kind(), FailureKind::Permanent, "{text}");
    }
}

#[tokio::test]
async fn a_deadlock_undoes_all_and_lets_nothing_follow() {
    let sql = connect(&mariadb_url().unwrap()).await;
    sql.execute("create table t (id integer primary key, n integer)").await.unwrap();
    sql.execute("insert into t values (1, 0), (2, 0)").await.unwrap();
    let update = "update t set n = n + 1 where id = :id";
    let (mut one, mut two) = (sql.begin().await.unwrap(), sql.begin().await.unwrap());
    one.execute(update).bind("id", 1).await.unwrap();
    two.execute(update).bind("id", 2).await.unwrap();
    let (first, second) =
        tokio::join!(one.query(update).bind("id", 2).execute(), two.query(update).bind("id", 1).execute());
    let (error, mut victim, winner) = match (first, second) {
        (Err(error), Ok(_)) => (error, one, two),
        (Ok(_), Err(error)) => (error, two, one),
        other => panic!("one of both is chosen: {other:?}"),
    };
    assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Transient, false), "{error}");
    let late = victim.execute("insert into t values (3, 0)").await.unwrap_err();
    assert!(late.to_string().contains("undid the whole transaction"), "{late}");
    winner.commit().await.unwrap();
    assert!(victim.commit().await.is_err());
    let rows: Vec<(i64, i64)> = sql.query("select id, n from t order by id").fetch_all().await.unwrap();
    assert_eq!(rows, [(1, 1), (2, 1)]);
}

#[tokio::test]
async fn a_cancelled_statement_stops_on_the_server_too() {
    let sql = connect(&mariadb_url().unwrap()).await;
    let call = async |time| within(time).scope(sql.query("select sleep(599)").fetch_all::<Row>()).await;
    let error = out_of_time(call, Error::may_have_executed).await;
    assert_eq!(error.kind(), FailureKind::Timeout);
    let running = "select count(*) from information_schema.processlist where info like '%sleep(599)%' and id <> connection_id()";
    tokio::time::timeout(Duration::from_mins(3), async {
        while sql.query(running).fetch_one::<(i64,)>().await.unwrap().0 > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the server still computes for nobody");
}

#[tokio::test]
async fn sessions_are_back_after_the_server_is_killed_and_restarted() {
    let mut server = MariaDb::start().unwrap();
    let sql = connect_with(&server.url(), |config| config.pool.size = NonZeroUsize::new(4).unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(sql.begin().await.unwrap());
    }
    for transaction in open {
        transaction.rollback().await.unwrap();
    }
    assert_eq!(sql.stats().unwrap().writer.idle, 4);
    server.kill();
    let dead = sql.execute("insert into t values (1)").await.unwrap_err();
    assert_eq!(dead.kind(), FailureKind::Transient, "{dead}");
    server.restart().unwrap();
    for n in 0..4 {
        sql.execute("insert into t values (:n)").bind("n", n).await.unwrap();
    }
    assert_eq!(count(&sql, "t").await, 4);
}

#[tokio::test]
async fn types_are_mapped_and_the_server_is_named() {
    let sql = connect(&mariadb_url().unwrap()).await;
    assert_eq!(sql.system(), Some("mariadb"));
    sql.execute(
        "create table t (a serial, b varchar(10), c double, d decimal(10,2), e timestamp null, f datetime(6), g boolean, \
         h longtext, i int as (1) stored, j int unsigned)",
    )
    .await
    .unwrap();
    let found = sql.table("t").await.unwrap().unwrap();
    let types: Vec<_> = found.columns.into_iter().map(|column| column.column_type).collect();
    let decimal = ColumnType::Other("decimal(10,2)".into());
    assert_eq!(types, [Integer, Text, Real, decimal, Timestamp, Timestamp, Boolean, Text, Integer]);
}

/// What is longer than a packet may be is hung up on, so a load is cut before.
#[tokio::test]
async fn a_load_is_cut_to_what_a_packet_may_hold() {
    let sql = connect(&mariadb_url().unwrap()).await;
    let target = table("t", &[("n", ColumnType::Integer), ("long", ColumnType::Text)]);
    sql.create_table(&target).await.unwrap();
    let long = "x".repeat(1 << 20);
    let mut rows = RowBatch::new(2);
    for number in 0..40 {
        rows.push(Cell::Integer(number));
        rows.push(Cell::Text(&long));
    }
    let mut transaction = sql.begin().await.unwrap();
    assert_eq!(transaction.bulk_insert(&target, &rows).await.unwrap().rows, 40);
    transaction.commit().await.unwrap();
    let (length,): (String,) = sql.query("select sum(length(`long`)) from t").fetch_one().await.unwrap();
    assert_eq!(length, (40 << 20).to_string());
}

#[tokio::test]
async fn a_login_that_fails_shows_no_password() {
    let good = url::Url::parse(&mariadb_url().unwrap()).unwrap();
    let mut wrong = good.clone();
    wrong.set_username("nobody_here").unwrap();
    wrong.set_password(Some("hunter2")).unwrap();
    let mut missing = good.clone();
    missing.set_path("no_such_database");
    let mut closed = wrong.clone();
    closed.set_port(Some(1)).unwrap();
    for (url, words) in [(wrong, "user"), (missing, "database of the URL"), (closed, "refused")] {
        let error =
            seawall_sql::Sql::connect(url.as_str(), &crate::support::patient(), std::sync::Arc::new(()))
                .await
                .unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let other_name = good.as_str().replace("mysql:", "mariadb:");
    connect(&other_name).await.ping().await.unwrap();
}
