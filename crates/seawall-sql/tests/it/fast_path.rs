//! First attempts go past the layers while none of them has a say: nobody can tell but by the time it takes.

use std::future::{Future, IntoFuture as _, poll_fn};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use seawall_core::{Error, Event, FailureKind, Observer, Origin};
use seawall_sql::{Sql, SqlConfig};
use tower::layer::util::Identity;

use crate::support::{on_every_database, within};

/// Keeps what is told, without how long it took.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        let event = match event {
            Event::Attempted { attempt, outcome, .. } => format!("attempt {attempt} {outcome:?}"),
            Event::Completed { outcome, .. } => format!("completed {outcome:?}"),
            other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
        };
        self.0.lock().unwrap().push(format!("{} {event}", origin.strategy));
    }
}

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A client with one connection that gives its calls as much time as any machine may take.
async fn connect_patiently(url: &str, told: &Arc<Told>) -> Sql {
    connect_with_room_for(1024, url, told).await
}

/// The same where so many callers may wait.
async fn connect_with_room_for(max_waiters: usize, url: &str, told: &Arc<Told>) -> Sql {
    let mut config = SqlConfig::default();
    (config.pool.size, config.pool.max_waiters) = (NonZeroUsize::MIN, max_waiters);
    config.pool.wait_timeout = Duration::from_mins(5);
    config.pipeline.deadline = Some(Duration::from_mins(10));
    config.pipeline.attempt_timeout = Some(Duration::from_mins(5));
    Sql::connect(url, &config, Arc::clone(told) as _).await.unwrap()
}

/// A statement that waits for as long as nobody stops it, but on SQLite, which has none.
fn endless(url: &str) -> &'static str {
    match url.split_once(':').unwrap().0 {
        "sqlite" => {
            "select count(*) from (with recursive r(n) as (select 1 union all select n + 1 from r) select n from r)"
        }
        "mysql" => "select sleep(600)",
        _ => "select 1 from pg_sleep(600)",
    }
}

/// Polls it once.
async fn polled<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

const CHANGE: &str = "update t set n = n where n = :n";

/// How a call ends while the only connection is in use, and what is told of it: through the layers, and past them.
async fn while_it_is_busy(
    past: &Sql,
    told: &Told,
    call: impl AsyncFn(&Sql) -> Error,
) -> [(Error, Vec<String>); 2] {
    past.execute("create table t (n integer primary key)").await.unwrap();
    let mut ways = Vec::new();
    for client in [past.layer(Identity::new()), past.clone()] {
        assert_eq!(client.execute(CHANGE).bind("n", 1).await.unwrap(), 0);
        let busy = past.begin().await.unwrap();
        told.take();
        ways.push((call(&client).await, told.take()));
        busy.rollback().await.unwrap();
    }
    past.close(Duration::from_mins(1)).await.unwrap();
    ways.try_into().unwrap()
}

/// Makes calls of every end, and says what each came to and what was told of it.
async fn ends(sql: &Sql, told: &Told) -> Vec<(String, Vec<String>)> {
    let mut ends = Vec::new();
    let mut end = |answer: String| ends.push((answer, told.take()));
    let kind = |error: &Error| {
        format!("{:?} {} {} {}", error.kind(), error.layer(), error.attempts(), error.may_have_executed())
    };
    for _ in 0..3 {
        let one = sql.query("select n from t where n = :n").bind("n", 1).fetch_one::<(i64,)>().await;
        end(format!("{:?}", one.map_err(|error| kind(&error))));
        let all = sql.query("select n from t where n < :n").bind("n", 3).fetch_all::<(i64,)>().await;
        end(format!("{:?}", all.map_err(|error| kind(&error))));
        let none = sql.query("select n from t where n = :n").bind("n", 9).fetch_optional::<(i64,)>().await;
        end(format!("{:?}", none.map_err(|error| kind(&error))));
        let changed = sql.execute("update t set n = n where n = :n").bind("n", 2).await;
        end(format!("{:?}", changed.map_err(|error| kind(&error))));
        let twice = sql.execute("insert into t values (:n)").bind("n", 1).await;
        end(format!("{:?}", twice.map_err(|error| kind(&error))));
        let unknown = sql.execute("insert into nowhere values (1)").await;
        end(format!("{:?}", unknown.map_err(|error| kind(&error))));
        let unbound = sql.execute("insert into t values (:n)").await;
        end(format!("{:?}", unbound.map_err(|error| kind(&error))));
    }
    ends
}

on_every_database! {
    async fn a_call_past_the_layers_ends_and_is_told_of_as_one_through_them(url: &str) {
        let told = Arc::new(Told::default());
        let past = connect_patiently(url, &told).await;
        // Whatever stands in front keeps the client from knowing who has a say.
        let through = past.layer(Identity::new());
        past.execute("create table t (n integer primary key)").await.unwrap();
        past.execute("insert into t values (1), (2)").await.unwrap();
        told.take();
        let expected = ends(&through, &told).await;
        assert_eq!(ends(&past, &told).await, expected);
        past.close(Duration::from_mins(1)).await.unwrap();
    }

    async fn a_call_that_is_given_up_past_the_layers_is_told_of_as_abandoned(url: &str) {
        let told = Arc::new(Told::default());
        let past = connect_patiently(url, &told).await;
        let mut abandoned = Vec::new();
        for client in [past.layer(Identity::new()), past.clone()] {
            client.query("select 1").fetch_one::<(i64,)>().await.unwrap();
            told.take();
            let mut call = Box::pin(client.query(endless(url)).fetch_all::<(i64,)>());
            assert!(polled(call.as_mut()).await.is_pending());
            drop(call);
            let mut events = told.take();
            events.sort();
            abandoned.push(events);
        }
        assert!(abandoned[0].iter().any(|event| event == "pipeline Abandoned"), "{abandoned:?}");
        assert_eq!(abandoned[0], abandoned[1]);
        let error = past.query("select n from nowhere").fetch_all::<(i64,)>().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        past.close(Duration::from_mins(1)).await.unwrap();
    }

    async fn a_call_that_waits_for_its_connection_is_told_of_as_one_through_the_layers(url: &str) {
        let told = Arc::new(Told::default());
        let past = connect_patiently(url, &told).await;
        past.execute("create table t (n integer primary key)").await.unwrap();
        past.execute("insert into t values (1)").await.unwrap();
        let mut ways = Vec::new();
        for client in [past.layer(Identity::new()), past.clone()] {
            for given_up in [true, false] {
                client.execute(CHANGE).bind("n", 1).await.unwrap();
                let busy = past.begin().await.unwrap();
                told.take();
                let mut call = client.execute(CHANGE).bind("n", 1).into_future();
                assert!(polled(call.as_mut()).await.is_pending());
                assert_eq!(past.stats().unwrap().writer.waiting, 1);
                if given_up {
                    drop(call);
                    assert_eq!(past.stats().unwrap().writer.waiting, 0);
                    busy.rollback().await.unwrap();
                } else {
                    busy.rollback().await.unwrap();
                    assert_eq!(call.await.unwrap(), 1);
                }
                let mut events = told.take();
                events.sort();
                ways.push(events);
            }
        }
        assert!(ways[0].iter().any(|event| event == "pipeline Abandoned"), "{ways:?}");
        assert!(ways[1].iter().any(|event| event == "sql_pool Dequeued"), "{ways:?}");
        assert_eq!(ways[..2], ways[2..]);
        past.close(Duration::from_mins(1)).await.unwrap();
    }

    async fn a_call_whose_time_is_over_while_it_waits_is_told_of_as_one_through_the_layers(url: &str) {
        let told = Arc::new(Told::default());
        let past = connect_patiently(url, &told).await;
        let call = async |client: &Sql| {
            let mut time = Duration::from_millis(20);
            loop {
                time *= 2;
                let mut call = Box::pin(within(time).scope(client.execute(CHANGE).bind("n", 1).into_future()));
                match polled(call.as_mut()).await {
                    Poll::Pending => return call.await.unwrap_err(),
                    // The machine stood still, and the time was over before.
                    Poll::Ready(_) => drop(told.take()),
                }
            }
        };
        let ways = while_it_is_busy(&past, &told, call).await.map(|(error, mut events)| {
            events.sort();
            let said = format!("{:?} {} {}", error.kind(), error.layer(), error.may_have_executed());
            (said, error.attempts(), events)
        });
        assert_eq!(ways[0], ways[1]);
    }

    async fn a_call_that_finds_no_place_to_wait_is_told_of_as_one_through_the_layers(url: &str) {
        let told = Arc::new(Told::default());
        let past = connect_with_room_for(0, url, &told).await;
        let call = async |client: &Sql| client.execute(CHANGE).bind("n", 1).await.unwrap_err();
        let ways = while_it_is_busy(&past, &told, call).await.map(|(error, events)| {
            assert_eq!((error.kind(), error.layer()), (FailureKind::Refused, "sql_pool"));
            (error.attempts(), error.may_have_executed(), events)
        });
        assert_eq!(ways[0], ways[1]);
    }
}
