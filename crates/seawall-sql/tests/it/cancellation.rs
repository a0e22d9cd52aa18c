use std::time::Duration;

use seawall_core::{CallContext, FailureKind};

use crate::support::{connect_with, count, on_every_database};

fn within(time: Duration) -> CallContext {
    CallContext::default().within(time, tokio::time::Instant::now().into_std())
}

on_every_database! {
    async fn cancelling_anywhere_hands_on_no_transaction_and_loses_no_acknowledged_insert(url: &str) {
        // One connection: whoever comes next gets what the cancelled one left.
        let sql = connect_with(url, |config| config.pool.size = std::num::NonZeroUsize::MIN).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        sql.execute("create table u (id integer)").await.unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let rounds = 150;
        let mut cancelled = 0;
        for id in 0..rounds {
            let work = async {
                let mut transaction = sql.begin().await?;
                transaction.execute("insert into u values (:id)").bind("id", id).await?;
                transaction.query("select count(*) from u").fetch_one::<(i64,)>().await?;
                transaction.rollback().await
            };
            // Cut by the number of polls, so that every await point is met whatever the machine's speed.
            let polls = random.u32(0..12);
            if cut(work, polls).await.is_none() {
                cancelled += 1;
            }
            sql.execute("insert into t values (:id)").bind("id", id).await.unwrap();
        }
        assert!(cancelled > rounds / 10, "only {cancelled} were cancelled");
        assert_eq!(count(&sql, "t").await, i64::from(rounds), "an acknowledged insert is lost");
        assert_eq!(count(&sql, "u").await, 0, "a transaction that nobody committed is there");
        sql.close(Duration::from_secs(10)).await.unwrap();
    }

    async fn a_statement_stops_when_its_deadline_passes(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = std::num::NonZeroUsize::MIN).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let endless = if url.starts_with("mysql") {
            "insert into t select count(*) from seq_1_to_900000000000 where seq % 7 > 7"
        } else {
            "with recursive r(n) as (select 1 union all select n + 1 from r) \
             insert into t select count(*) from r where n < 0"
        };
        let error = within(Duration::from_millis(100)).scope(sql.query(endless).execute()).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
        assert!(error.may_have_executed());
        // It was stopped, not only abandoned: on SQLite it would hold the file's lock for ever.
        sql.execute("insert into t values (1)").await.unwrap();
        assert_eq!(count(&sql, "t").await, 1);
    }

    async fn a_deadline_that_has_passed_asks_nothing_of_the_database(url: &str) {
        let sql = connect_with(url, |_| {}).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let _all = sql.begin().await.unwrap();
        let late = within(Duration::ZERO).scope(sql.query("insert into t values (1)").execute()).await.unwrap_err();
        assert_eq!(late.kind(), FailureKind::Refused);
    }
}

/// Polls a future so many times at most; `None` if it is not done by then.
async fn cut<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
