use seawall_core::FailureKind;

use crate::support::{connect, count, on_every_database};

on_every_database! {
    async fn what_is_committed_stays_and_what_is_not_does_not(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        let mut kept = sql.begin().await.unwrap();
        kept.execute("insert into t values (:id)").bind("id", 1).await.unwrap();
        let seen: Option<(i64,)> = kept.query("select id from t").fetch_optional().await.unwrap();
        assert_eq!(seen, Some((1,)));
        kept.commit().await.unwrap();
        let mut dropped = sql.begin().await.unwrap();
        dropped.execute("insert into t values (2)").await.unwrap();
        drop(dropped);
        let mut undone = sql.begin().await.unwrap();
        undone.execute("insert into t values (3)").await.unwrap();
        undone.rollback().await.unwrap();
        assert_eq!(count(&sql, "t").await, 1);
        assert_eq!(sql.stats().unwrap().writer.destroyed, 1, "only the dropped one");
    }

    async fn a_statement_that_fails_never_lets_half_a_transaction_through(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        sql.execute("insert into t values (1)").await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        transaction.execute("insert into t values (2)").await.unwrap();
        transaction.execute("insert into t values (1)").await.unwrap_err();
        // Postgres commits nothing of such a transaction, SQLite everything but the failed statement.
        let committed = transaction.commit().await;
        match count(&sql, "t").await {
            1 => assert!(committed.unwrap_err().to_string().contains("rolled back")),
            2 => committed.unwrap(),
            other => panic!("{other} rows"),
        }
    }

    async fn a_savepoint_saves_what_was_before_a_failure(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        transaction.execute("insert into t values (1)").await.unwrap();
        transaction.execute("savepoint s").await.unwrap();
        transaction.execute("insert into t values (1)").await.unwrap_err();
        transaction.execute("rollback to s").await.unwrap();
        transaction.execute("insert into t values (2)").await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(count(&sql, "t").await, 2);
    }

    async fn a_table_goes_with_the_transaction_that_made_it(url: &str) {
        let sql = connect(url).await;
        let made = crate::support::table("t", &[("a", seawall_sql::ColumnType::Integer)]);
        let mut undone = sql.begin().await.unwrap();
        if url.starts_with("mysql") {
            // It would commit what was done so far, and leave what follows to itself.
            let refused = undone.create_table(&made).await.unwrap_err();
            assert!(refused.to_string().contains("`create` would commit"), "{refused}");
            assert_eq!(sql.table("t").await.unwrap(), None);
            return;
        }
        undone.create_table(&made).await.unwrap();
        undone.rollback().await.unwrap();
        assert_eq!(sql.table("t").await.unwrap(), None);
        let mut kept = sql.begin().await.unwrap();
        kept.create_table(&made).await.unwrap();
        kept.bulk_insert(&made, &crate::support::batch(1, &[seawall_sql::Cell::Integer(7)])).await.unwrap();
        kept.commit().await.unwrap();
        assert_eq!(count(&sql, "t").await, 1);
    }

    async fn text_cannot_end_a_transaction(url: &str) {
        let sql = connect(url).await;
        let mut transaction = sql.begin().await.unwrap();
        for text in ["commit", "rollback", "end", "begin"] {
            assert!(transaction.execute(text).await.unwrap_err().to_string().contains("use `commit()`"));
        }
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn sqlite_undoing_the_whole_transaction_is_noticed() {
    let file = crate::support::File::new();
    let sql = connect(&file.url()).await;
    sql.execute("create table t (id integer unique on conflict rollback)").await.unwrap();
    sql.execute("insert into t values (1)").await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    transaction.execute("insert into t values (2)").await.unwrap();
    transaction.execute("insert into t values (1)").await.unwrap_err();
    let error = transaction.execute("insert into t values (3)").await.unwrap_err();
    assert!(error.to_string().contains("undid the whole transaction"), "{error}");
    assert_eq!(transaction.commit().await.unwrap_err().kind(), FailureKind::Permanent);
    assert_eq!(count(&sql, "t").await, 1);
}

#[tokio::test]
async fn sqlite_refusing_at_commit_undoes_everything() {
    let file = crate::support::File::new();
    let sql = connect(&file.url()).await;
    sql.execute("create table a (id integer primary key)").await.unwrap();
    sql.execute("create table b (a integer references a deferrable initially deferred)").await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    transaction.execute("insert into b values (1)").await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Permanent, false));
    assert_eq!(count(&sql, "b").await, 0);
}

#[tokio::test]
async fn writers_of_one_file_take_turns() {
    let file = crate::support::File::new();
    let sql = connect(&file.url()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    sql.execute("insert into t values (0)").await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let sql = sql.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let mut transaction = sql.begin().await.unwrap();
                    let (n,): (i64,) = transaction.query("select n from t").fetch_one().await.unwrap();
                    transaction.execute("update t set n = :n").bind("n", n + 1).await.unwrap();
                    transaction.commit().await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let (n,): (i64,) = sql.query("select n from t").fetch_one().await.unwrap();
    assert_eq!(n, 80);
}
