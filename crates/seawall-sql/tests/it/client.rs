use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use seawall_core::{Error, FailureKind, Idempotency};
use seawall_sql::{Action, Connection, Reply, Row, Sql, Statement, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{Service, ServiceExt};

use crate::support::{File, connect, count};

#[tokio::test]
async fn a_layer_of_the_users_own_sees_every_statement() {
    let file = File::new();
    let seen = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&seen);
    let sql = connect(&file.url()).await.layer(tower::layer::layer_fn(
        move |inner: tower::util::BoxCloneSyncService<Statement, Reply, Error>| {
            let counter = Arc::clone(&counter);
            inner.map_request(move |statement: Statement| {
                counter.fetch_add(1, Ordering::Relaxed);
                statement
            })
        },
    ));
    sql.execute("create table t (n integer)").await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    transaction.execute("insert into t values (1)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(count(&sql, "t").await, 1);
    assert_eq!(seen.load(Ordering::Relaxed), 3, "what happens inside of a transaction stays there");
}

#[tokio::test]
async fn a_client_stands_on_any_service() {
    let sql = Sql::from_service(tower::service_fn(|statement: Statement| async move {
        assert_eq!(statement.parameters(), [(Arc::from("id"), Value::Integer(1))]);
        Ok::<_, Error>(match statement.action() {
            Action::Execute => Reply::Changed(7),
            _ => Reply::Rows(vec![Row::new(
                Arc::from(["a".to_owned()]),
                vec![Value::Text(statement.text().into())],
            )]),
        })
    }));
    assert_eq!(sql.execute("anything").bind("id", 1).await.unwrap(), 7);
    assert_eq!(sql.query("x").bind("id", 1).fetch_one::<(String,)>().await.unwrap(), ("x".into(),));
    assert_eq!(sql.stats(), None);
    let error = sql.query("x").bind("id", 1).stream().await.unwrap_err();
    assert!(error.to_string().contains("not asked for"), "{error}");
}

#[tokio::test]
async fn only_what_reads_is_repeatable_unless_the_caller_says_more() {
    let file = File::new();
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let sql = connect(&file.url()).await.layer(tower::layer::layer_fn(
        move |inner: tower::util::BoxCloneSyncService<Statement, Reply, Error>| {
            let log = Arc::clone(&log);
            inner.map_request(move |statement: Statement| {
                log.lock().unwrap().push(statement.idempotency());
                statement
            })
        },
    ));
    sql.execute("create table if not exists t (n integer)").await.unwrap();
    sql.query("select 1").fetch_all::<Row>().await.unwrap();
    sql.query("insert into t values (1) returning n").fetch_all::<Row>().await.unwrap();
    sql.query("select 1").not_idempotent().fetch_all::<Row>().await.unwrap();
    sql.execute("delete from t").idempotent().await.unwrap();
    let (yes, no) = (Idempotency::Idempotent, Idempotency::NotIdempotent);
    assert_eq!(*seen.lock().unwrap(), [no, yes, no, no, yes]);
}

#[tokio::test]
async fn the_drivers_own_connection_is_lent_and_then_closed() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    let (three,): (i64,) = sql
        .with_connection(async |connection: &mut Connection| match connection {
            Connection::Sqlite(connection) => {
                seawall_sql::sqlx::query_as("select 1 + 2").fetch_one(connection).await
            }
            _ => unreachable!("the file is SQLite's"),
        })
        .await
        .unwrap();
    assert_eq!(three, 3);
    assert_eq!(sql.stats().unwrap().writer.destroyed, 1);
    let error =
        sql.with_connection(async |_| Err::<(), _>(seawall_sql::sqlx::Error::RowNotFound)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
}

/// Found by a first statement on a session whose server side is gone; the retry is the pipeline's.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_read_that_meets_a_dead_connection_is_made_again_and_a_write_is_not() {
    let url = seawall_testkit::servers::postgres_url().unwrap();
    let (sql, other) = (connect(&url).await, connect(&url).await);
    let end_all = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
    sql.query("select 1").fetch_one::<(i64,)>().await.unwrap();
    other.query(end_all).not_idempotent().fetch_one::<(i64,)>().await.unwrap();
    sql.query("select 1").fetch_one::<(i64,)>().await.unwrap();
    sql.execute("create table t (n integer)").await.unwrap();
    other.query(end_all).not_idempotent().fetch_one::<(i64,)>().await.unwrap();
    let error = sql.execute("insert into t values (1)").await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (FailureKind::Transient, 1), "{error}");
}

#[tokio::test]
async fn a_full_pool_is_not_held_against_the_database() {
    use seawall_core::{Classify, Outcome};
    let file = File::new();
    let sql = crate::support::connect_with(&file.url(), |config| {
        config.pool.wait_timeout = std::time::Duration::ZERO;
    })
    .await;
    let _busy = sql.begin().await.unwrap();
    let error = sql.begin().await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Overloaded { .. }));
    let outcome: Outcome = seawall_sql::SqlClassifier.classify(Err(&error));
    assert_eq!(outcome.failure_kind(), Some(FailureKind::Refused));
}

#[tokio::test]
async fn a_ping_reaches_the_database() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    sql.ping().await.unwrap();
    assert!(format!("{sql:?}").contains("test.db"));
}

/// A limit of one call at a time, below a layer that may refuse a call although there is room.
struct OneAtATime {
    free: Arc<Semaphore>,
    reserved: Option<OwnedSemaphorePermit>,
    refuses: Arc<AtomicBool>,
}

impl Clone for OneAtATime {
    fn clone(&self) -> Self {
        Self { free: Arc::clone(&self.free), reserved: None, refuses: Arc::clone(&self.refuses) }
    }
}

impl Service<Statement> for OneAtATime {
    type Response = Reply;
    type Error = Error;
    type Future = Ready<Result<Reply, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.reserved.is_none() {
            self.reserved = Some(Arc::clone(&self.free).try_acquire_owned().expect("nobody holds it"));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Statement) -> Self::Future {
        if self.refuses.swap(false, Ordering::Relaxed) {
            return ready(Err(Error::new(FailureKind::Refused, "test", "service").not_executed()));
        }
        self.reserved = None;
        ready(Ok(Reply::Changed(1)))
    }
}

#[tokio::test]
async fn a_call_that_is_refused_on_the_way_leaves_nothing_reserved() {
    let (free, refuses) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicBool::new(true)));
    let service = OneAtATime { free: Arc::clone(&free), reserved: None, refuses };
    let sql = Sql::from_service(service);
    assert_eq!(sql.execute("one").await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(free.available_permits(), 1, "what was reserved for it is free again");
    assert_eq!(sql.execute("two").await.unwrap(), 1);
    assert_eq!(free.available_permits(), 1);
}
