use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_sql::{Action, Reply, Row, Sql, Statement};
use tower::ServiceExt;

use crate::support::{connect, on_every_database};

const HOUR: Duration = Duration::from_hours(1);

/// The same client, with a count of the queries that reach the database.
fn counted(sql: &Sql) -> (Sql, Arc<AtomicU32>) {
    let queries = Arc::<AtomicU32>::default();
    let counter = Arc::clone(&queries);
    let sql = sql.layer(tower::layer::layer_fn(
        move |inner: tower::util::BoxCloneSyncService<Statement, Reply, Error>| {
            let counter = Arc::clone(&counter);
            inner.map_request(move |statement: Statement| {
                counter.fetch_add(u32::from(statement.action() == Action::FetchAll), Ordering::Relaxed);
                statement
            })
        },
    ));
    (sql, queries)
}

async fn words(sql: &Sql, n: i64) -> Vec<(String,)> {
    let query = sql.query("select word from t where n = :n order by word").bind("n", n);
    query.cached(HOUR, ["t"]).fetch_all().await.unwrap()
}

on_every_database! {
    async fn rows_are_kept_until_a_write_says_otherwise(url: &str) {
        let (sql, queries) = counted(&connect(url).await);
        let asked = || queries.load(Ordering::Relaxed);
        sql.execute("create table t (n integer, word varchar(9))").await.unwrap();
        let insert = "insert into t values (1, :word)";
        sql.execute(insert).bind("word", "a").await.unwrap();
        assert_eq!(words(&sql, 1).await, [("a".into(),)]);
        assert_eq!((words(&sql, 1).await.len(), asked()), (1, 1), "it was asked once");
        assert_eq!((words(&sql, 2).await.len(), asked()), (0, 2), "other values are another query");

        sql.execute(insert).bind("word", "b").await.unwrap();
        sql.execute(insert).bind("word", "c").invalidates(["other"]).await.unwrap();
        assert_eq!(words(&sql, 1).await.len(), 1, "nothing is guessed");
        sql.execute(insert).bind("word", "d").invalidates(["t", "other"]).await.unwrap();
        assert_eq!((words(&sql, 1).await.len(), asked()), (4, 3));

        sql.execute("delete from t").await.unwrap();
        sql.invalidate(["t"]).await.unwrap();
        assert_eq!(words(&sql, 1).await, []);
    }

    async fn a_transaction_ends_what_is_kept_when_it_is_committed(url: &str) {
        let (sql, _) = counted(&connect(url).await);
        sql.execute("create table t (n integer, word varchar(9))").await.unwrap();
        let insert = "insert into t values (1, 'x')";
        assert_eq!(words(&sql, 1).await, []);

        let mut transaction = sql.begin().await.unwrap();
        transaction.execute(insert).invalidates(["t"]).await.unwrap();
        let inside = transaction.query("select word from t where n = 1").cached(HOUR, ["t"]);
        assert_eq!(inside.fetch_all::<Row>().await.unwrap().len(), 1, "inside nothing is kept");
        assert_eq!(words(&sql, 1).await, [], "what is not committed ends nothing");
        transaction.commit().await.unwrap();
        assert_eq!(words(&sql, 1).await.len(), 1);

        sql.execute("delete from t").await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        transaction.execute(insert).invalidates(["t"]).await.unwrap();
        transaction.rollback().await.unwrap();
        assert_eq!(words(&sql, 1).await.len(), 1, "what was undone ends nothing");
        sql.transaction(async |tx| tx.execute(insert).invalidates(["t"]).await).await.unwrap();
        assert_eq!(words(&sql, 1).await.len(), 1);
        sql.execute("delete from t").invalidates(["t"]).await.unwrap();
        assert_eq!(words(&sql, 1).await, []);
    }

    async fn many_who_ask_at_once_ask_the_database_once(url: &str) {
        let (sql, queries) = counted(&connect(url).await);
        sql.execute("create table t (n integer, word varchar(9))").await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let sql = sql.clone();
            tasks.spawn(async move { words(&sql, 1).await.len() });
        }
        assert_eq!(tasks.join_all().await, [0; 100]);
        assert_eq!(queries.load(Ordering::Relaxed), 1);
    }

    async fn what_may_write_is_not_kept(url: &str) {
        let sql = connect(url).await;
        let error = sql.query("delete from t").cached(HOUR, ["t"]).fetch_all::<Row>().await.unwrap_err();
        assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Permanent, false));
        assert!(error.to_string().contains("only a query that reads"), "{error}");
    }
}
