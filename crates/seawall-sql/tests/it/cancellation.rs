//! Every operation is dropped at every point where it waits, against real servers: nothing that was acknowledged to the
//! next caller is lost, no half transaction is there, and no session is left inside of one.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use seawall_core::Error;
use seawall_sql::{Cell, ColumnType, Connection, Row, Sql, sqlx};

use crate::support::{File, batch, connect, connect_with, count, table};

/// How many futures are dropped, on each database.
const DROPS: u32 = 400;

type Operation = for<'a> fn(&'a Sql, i64) -> Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// What a caller can be in the middle of. What is written to `pair` is written twice.
const OPERATIONS: [(&str, Operation); 17] = [
    ("acquire", |sql, _| Box::pin(sql.ping())),
    ("acquire, in the queue", |sql, _| {
        Box::pin(async move {
            let held = sql.begin().await?;
            let waiting = async { sql.begin().await?.rollback().await };
            let (waited, ended) = tokio::join!(waiting, held.rollback());
            waited.and(ended)
        })
    }),
    ("begin", |sql, _| {
        Box::pin(async move {
            let _dropped = sql.begin().await?;
            Ok(())
        })
    }),
    ("begin and rollback", |sql, _| Box::pin(async move { sql.begin().await?.rollback().await })),
    ("begin, execute and rollback", |sql, id| {
        Box::pin(async move {
            let mut transaction = sql.begin().await?;
            pair(&mut transaction, id).await?;
            transaction.rollback().await
        })
    }),
    ("begin, execute and commit", |sql, id| {
        Box::pin(async move {
            let mut transaction = sql.begin().await?;
            pair(&mut transaction, id).await?;
            transaction.commit().await
        })
    }),
    ("query within a transaction", |sql, _| {
        Box::pin(async move {
            let mut transaction = sql.begin().await?;
            let _: Vec<Row> = transaction.query("select id from kept").fetch_all().await?;
            transaction.commit().await
        })
    }),
    ("read-only transaction", |sql, _| {
        Box::pin(async move {
            let mut transaction = sql.build_transaction().read_only().repeatable_read().begin().await?;
            let _: Option<Row> = transaction.query("select id from kept").fetch_optional().await?;
            transaction.commit().await
        })
    }),
    ("savepoint", |sql, id| {
        Box::pin(async move {
            let mut transaction = sql.begin().await?;
            transaction.savepoint(async |transaction| pair(transaction, id).await).await?;
            let undone: Result<(), Error> = transaction
                .savepoint(async |transaction| {
                    transaction.execute("insert into pair values (-1)").await?;
                    Err(Error::new(seawall_core::FailureKind::Permanent, "test", "on purpose"))
                })
                .await;
            undone.unwrap_err();
            transaction.commit().await
        })
    }),
    ("transaction closure", |sql, id| Box::pin(sql.transaction(async move |tx| pair(tx, id).await))),
    ("transaction closure with a key", |sql, id| {
        Box::pin(
            sql.build_transaction().idempotency_key(format!("{id}")).run(async move |tx| pair(tx, id).await),
        )
    }),
    ("bulk insert", |sql, id| {
        Box::pin(async move {
            let mut transaction = sql.begin().await?;
            let rows = batch(1, &[Cell::Integer(id), Cell::Integer(id)]);
            transaction.bulk_insert(&table("pair", &[("id", ColumnType::Integer)]), &rows).await?;
            transaction.commit().await
        })
    }),
    ("execute", |sql, id| {
        Box::pin(async move { sql.execute("insert into alone values (:id)").bind("id", id).await.map(drop) })
    }),
    ("fetch one", |sql, id| {
        Box::pin(async move {
            sql.query("select count(*) from kept where id < :id")
                .bind("id", id)
                .fetch_one::<(i64,)>()
                .await
                .map(drop)
        })
    }),
    ("fetch all", |sql, _| {
        Box::pin(async move { sql.query("select id from kept").fetch_all::<(i64,)>().await.map(drop) })
    }),
    ("stream", |sql, _| {
        Box::pin(async move {
            let mut rows = sql.query("select id from kept").stream().await?;
            while let Some(row) = rows.next().await {
                row?;
            }
            Ok(())
        })
    }),
    ("with_connection", |sql, id| {
        Box::pin(
            sql.with_connection(async move |connection| leave_inside_of_a_transaction(connection, id).await),
        )
    }),
];

async fn pair(transaction: &mut seawall_sql::Transaction, id: i64) -> Result<(), Error> {
    for _ in 0..2 {
        transaction.execute("insert into pair values (:id)").bind("id", id).await?;
    }
    Ok(())
}

/// The worst that a stranger can do.
async fn leave_inside_of_a_transaction(connection: &mut Connection, id: i64) -> Result<(), sqlx::Error> {
    let insert = sqlx::AssertSqlSafe(format!("insert into pair values ({id})"));
    macro_rules! on {
        ($connection:expr) => {{
            sqlx::query("begin").execute(&mut *$connection).await?;
            sqlx::query(insert).execute(&mut *$connection).await?;
        }};
    }
    match connection {
        Connection::Sqlite(connection) => on!(connection),
        #[cfg(feature = "postgres")]
        Connection::Postgres(connection) => on!(connection),
        #[cfg(feature = "mysql")]
        Connection::MySql(connection) => on!(connection),
        other => panic!("which database is {other:?}?"),
    }
    Ok(())
}

/// When a future that waits is dropped.
#[derive(Clone, Copy, Debug)]
enum When {
    /// At once.
    Waiting,
    /// When what it waited for is there, and it does not know yet.
    Woken,
}

/// Polls a future so many times at most; `None` if it is not done by then.
pub(crate) async fn cut<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    cut_when(future, polls, When::Woken).await
}

async fn cut_when<F: Future>(future: F, polls: u32, when: When) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 && matches!(when, When::Waiting) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Drops every operation wherever it waits, and looks after each what the next caller meets. `direct` is another way to
/// the same database.
async fn drop_everything(sql: &Sql, direct: &Sql, sessions_in_transactions: &str) {
    for text in ["kept (id integer)", "pair (id integer)", "alone (id integer)"] {
        direct.execute(&format!("create table {text}")).await.unwrap();
    }
    direct.create_idempotency_table().await.unwrap();
    let (mut id, mut drops, mut acknowledged) = (0, 0, 0);
    let mut most_polls = [0; OPERATIONS.len()];
    'rounds: loop {
        for (place, (name, operation)) in OPERATIONS.iter().enumerate() {
            for when in [When::Waiting, When::Woken] {
                for polls in 0.. {
                    id += 1;
                    let ended = cut_when(operation(sql, id), polls, when).await;
                    let what = format!("{name}, dropped at poll {polls} ({when:?})");
                    sql.execute("insert into kept values (:id)").bind("id", id).await.expect(&what);
                    acknowledged += 1;
                    assert_eq!(
                        count(direct, "kept").await,
                        acknowledged,
                        "{what}: an acknowledged insert is lost"
                    );
                    match ended {
                        Some(result) => {
                            result.expect(&what);
                            break;
                        }
                        None => drops += 1,
                    }
                    most_polls[place] = most_polls[place].max(polls);
                }
            }
            let held = eventually(async || {
                let (sessions,): (i64,) = direct.query(sessions_in_transactions).fetch_one().await.unwrap();
                sessions == 0
            });
            held.await.unwrap_or_else(|_| panic!("{name}: a session is left inside of a transaction"));
            if drops >= DROPS && most_polls.iter().all(|polls| *polls > 0) {
                break 'rounds;
            }
        }
    }
    // A commit that nobody waits for may still be under way.
    sql.close(Duration::from_mins(3)).await.expect("a connection is leaked");
    let halves =
        "select count(*) from (select id from pair group by id having count(*) <> 2 or id < 0) as halves";
    let (halves,): (i64,) = direct.query(halves).fetch_one().await.unwrap();
    assert_eq!(halves, 0, "half a transaction was committed");
    println!(
        "{drops} futures dropped, {acknowledged} inserts acknowledged after them, all there; {most_polls:?} polls"
    );
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) -> Result<(), tokio::time::error::Elapsed> {
    tokio::time::timeout(Duration::from_mins(3), async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_loses_nothing_whatever_is_dropped() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.size = NonZeroUsize::MIN).await;
    // Sessions are not shown; one inside of a transaction would keep the next from writing.
    drop_everything(&sql, &connect(&file.url()).await, "select 0").await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_loses_nothing_whatever_is_dropped() {
    let url = seawall_testkit::servers::postgres_url().unwrap();
    drop_everything_over_a_slow_network(
        &url,
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
    .await;
}

#[cfg(feature = "mysql")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_loses_nothing_whatever_is_dropped() {
    let url = seawall_testkit::servers::mariadb_url().unwrap();
    drop_everything_over_a_slow_network(
        &url,
        "select count(*) from information_schema.innodb_trx join information_schema.processlist on id = trx_mysql_thread_id \
         where db = database() and id <> connection_id()",
    )
    .await;
}

/// Slow enough that requests and answers are under way when their futures are dropped.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn drop_everything_over_a_slow_network(url: &str, sessions_in_transactions: &str) {
    use seawall_testkit::proxy::{Fault, Faults};

    use crate::support::{proxied, through};

    let proxy = proxied(url).await;
    proxy.set(Faults::always(Fault::Latency {
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(1),
    }));
    let sql = connect_with(&through(url, &proxy), |config| {
        config.pool.size = NonZeroUsize::MIN;
        // What is dropped beyond its deadline counts, and this is not about the circuit.
        config.pipeline.circuit_breaker.minimum_number_of_calls = std::num::NonZeroU32::MAX;
    })
    .await;
    drop_everything(&sql, &connect(url).await, sessions_in_transactions).await;
}
