use seawall_core::Error;
use seawall_sql::Transaction;

use crate::cancellation::cut;
use crate::support::{connect, count, on_every_database};

async fn insert(transaction: &mut Transaction, id: i64) -> Result<u64, Error> {
    transaction.execute("insert into t values (:id)").bind("id", id).await
}

on_every_database! {
    async fn what_fails_within_a_savepoint_is_undone_and_the_rest_stays(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        sql.transaction(async |tx| {
            insert(tx, 1).await?;
            let failed = tx.savepoint(async |tx| {
                insert(tx, 2).await?;
                insert(tx, 1).await
            }).await;
            assert!(seawall_sql::is_unique_violation(&failed.unwrap_err()));
            tx.savepoint(async |tx| {
                insert(tx, 3).await?;
                let nested = tx.savepoint(async |tx| {
                    insert(tx, 4).await?;
                    insert(tx, 3).await
                }).await;
                nested.unwrap_err();
                insert(tx, 5).await
            }).await?;
            insert(tx, 6).await
        }).await.unwrap();
        let kept: Vec<(i64,)> = sql.query("select id from t order by id").fetch_all().await.unwrap();
        assert_eq!(kept, [(1,), (3,), (5,), (6,)]);
    }

    async fn a_failure_that_the_work_does_not_hand_on_is_not_committed(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        let result: Result<(), Error> = transaction.savepoint(async |tx| {
            insert(tx, 1).await?;
            insert(tx, 1).await.unwrap_err();
            Ok(())
        }).await;
        // Postgres keeps nothing of it, the others everything but the failed statement.
        transaction.commit().await.unwrap();
        assert_eq!(count(&sql, "t").await, i64::from(result.is_ok()));
    }

    async fn a_savepoint_that_is_left_half_way_takes_the_transaction_with_it(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        for polls in 1.. {
            let mut transaction = sql.begin().await.unwrap();
            insert(&mut transaction, 1).await.unwrap();
            let work = transaction.savepoint(async |tx| {
                insert(tx, 2).await?;
                tokio::task::yield_now().await;
                insert(tx, 3).await
            });
            let ended = cut(work, polls).await;
            if ended.is_some() {
                transaction.rollback().await.unwrap();
                break;
            }
            let error = insert(&mut transaction, 4).await.unwrap_err();
            assert!(error.to_string().contains("half-way"), "{error}");
            transaction.commit().await.unwrap_err();
        }
        assert_eq!(count(&sql, "t").await, 0);
    }
}
