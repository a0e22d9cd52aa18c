use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use seawall_core::{CallContext, Event, FailureKind, Measurement, Observer, Origin, Priority};
use seawall_sql::{PoolConfig, Sql};

use crate::support::{File, connect, connect_with, count, overtaken, pass, patient};

const HOUR: Duration = Duration::from_hours(1);
/// Less than the deadline of a call.
const WAIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_caller_who_waits_too_long_learns_how_the_pool_stands() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.wait_timeout = WAIT).await;
    let transaction = sql.begin().await.unwrap();
    let error = overtaken(sql.begin(), WAIT).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Overloaded { .. }));
    assert!(error.to_string().contains("1 of 1 connections open, 0 idle, 1 callers waiting"), "{error}");
    assert!(!error.may_have_executed());
    assert_eq!(sql.stats().unwrap().writer.timeouts, 1);
    transaction.rollback().await.unwrap();
    sql.begin().await.unwrap().rollback().await.unwrap();
}

#[tokio::test]
async fn waiters_beyond_the_bound_are_refused_at_once() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.max_waiters = 0).await;
    let transaction = sql.begin().await.unwrap();
    let error = sql.begin().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert!(error.to_string().contains("too many callers"), "{error}");
    drop(transaction);
}

#[tokio::test]
async fn a_connection_that_grew_old_is_replaced() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.max_lifetime = Duration::ZERO).await;
    sql.execute("create table t (n integer)").await.unwrap();
    sql.execute("insert into t values (1)").await.unwrap();
    let stats = sql.stats().unwrap().writer;
    assert_eq!((stats.opened, stats.destroyed), (3, 3));
}

#[tokio::test]
async fn a_database_in_memory_survives_the_loss_of_its_connection() {
    let sql = connect("sqlite::memory:").await;
    sql.execute("create table t (n integer)").await.unwrap();
    sql.execute("insert into t values (1)").await.unwrap();
    drop(sql.begin().await.unwrap());
    assert_eq!(count(&sql, "t").await, 1);
    let other = connect("sqlite::memory:").await;
    assert_eq!(other.table("t").await.unwrap(), None, "every client has a memory of its own");
}

#[tokio::test]
async fn closing_waits_for_what_is_at_work_and_refuses_what_comes() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.size = NonZeroUsize::new(2).unwrap()).await;
    sql.execute("create table t (n integer)").await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    let closing = tokio::spawn({
        let sql = sql.clone();
        async move { sql.close(Duration::from_mins(1)).await }
    });
    // The readers are closed first: once they are, the client refuses.
    while sql.query("select 1").fetch_one::<(i64,)>().await.is_ok() {
        tokio::task::yield_now().await;
    }
    transaction.execute("insert into t values (1)").await.unwrap();
    transaction.commit().await.unwrap();
    closing.await.unwrap().unwrap();
    let refused = sql.execute("insert into t values (2)").await.unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Refused);
    assert_eq!(count(&connect(&file.url()).await, "t").await, 1);
}

#[tokio::test]
async fn closing_gives_up_at_its_deadline() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    let _open = sql.begin().await.unwrap();
    // Only now: SQLite answers from a thread of its own, which the paused clock would not wait for.
    tokio::time::pause();
    let error = sql.close(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.to_string().contains("1 connections were still at work"), "{error}");
}

/// What a pool tells.
#[derive(Default)]
struct Heard {
    events: Mutex<Vec<Event>>,
    measured: Mutex<Vec<(&'static str, String)>>,
}

impl Observer for Heard {
    fn observe(&self, _: Origin<'_>, event: &Event) {
        self.events.lock().unwrap().push(*event);
    }

    fn measure(&self, measurement: &Measurement<'_>) {
        if measurement.metric == "db.client.operation.duration" {
            return;
        }
        let [(name, value)] = measurement.attributes else { panic!("{measurement:?}") };
        self.measured.lock().unwrap().push((measurement.metric, format!("{name}={value:?}")));
    }
}

async fn until_so(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(3), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn who_forgets_a_connection_is_told_of_once_with_the_place() {
    let file = File::new();
    let heard = Arc::new(Heard::default());
    let mut config = patient();
    config.pool.leak_threshold = Some(HOUR);
    let sql = Sql::connect(&file.url(), &config, Arc::clone(&heard) as Arc<dyn Observer>).await.unwrap();
    let (begun, line) = (sql.begin(), line!());
    let transaction = begun.await.unwrap();
    let leaks = || {
        let events = heard.events.lock().unwrap();
        let leak = |event: &Event| match event {
            Event::LeakSuspected { held, place } => Some((*held, *place)),
            _ => None,
        };
        events.iter().filter_map(leak).collect::<Vec<_>>()
    };
    assert_eq!(leaks(), []);
    pass(HOUR).await;
    until_so("a leak is suspected", || !leaks().is_empty()).await;
    for _ in 0..3 {
        pass(HOUR).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let leaks = leaks();
    assert_eq!(leaks.len(), 1, "{leaks:?}");
    let (held, place) = leaks[0];
    assert!(held >= HOUR);
    assert!(place.file().ends_with("pool.rs") && place.line() == line, "{place}");
    assert_eq!(sql.stats().unwrap().writer.leaks, 1);
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn pools_are_measured_by_the_names_that_opentelemetry_has_for_it() {
    let file = File::new();
    let heard = Arc::new(Heard::default());
    let sql = Sql::connect(&file.url(), &patient(), Arc::clone(&heard) as Arc<dyn Observer>).await.unwrap();
    sql.query("select 1").fetch_one::<(i64,)>().await.unwrap();
    let measured = heard.measured.lock().unwrap().clone();
    for pool in [String::from("test.db\")"), String::from("test.db (readers)\")")] {
        for metric in ["create_time", "wait_time", "use_time"] {
            let metric = format!("db.client.connection.{metric}");
            let found = measured.iter().any(|(name, attributes)| {
                *name == metric
                    && attributes.starts_with("db.client.connection.pool.name=")
                    && attributes.ends_with(&pool)
            });
            assert!(found, "{metric} of {pool}: {measured:?}");
        }
    }
}

#[tokio::test]
async fn who_matters_more_gets_the_next_connection() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    let busy = sql.begin().await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = tokio::task::JoinSet::new();
    for (place, priority) in
        [Priority::Background, Priority::Normal, Priority::Critical].into_iter().enumerate()
    {
        let (asking, order) = (sql.clone(), Arc::clone(&order));
        waiting.spawn(CallContext::default().priority(priority).scope(async move {
            let transaction = asking.begin().await.unwrap();
            order.lock().unwrap().push(priority);
            transaction.rollback().await.unwrap();
        }));
        until_so("it waits", || sql.stats().unwrap().writer.waiting == place + 1).await;
    }
    busy.rollback().await.unwrap();
    waiting.join_all().await;
    assert_eq!(*order.lock().unwrap(), [Priority::Critical, Priority::Normal, Priority::Background]);
}

#[tokio::test]
async fn a_full_queue_sends_away_who_matters_least() {
    let file = File::new();
    let sql = connect_with(&file.url(), |config| config.pool.max_waiters = 1).await;
    let busy = sql.begin().await.unwrap();
    let as_background = CallContext::default().priority(Priority::Background);
    let background = tokio::spawn({
        let sql = sql.clone();
        as_background.scope(async move { sql.begin().await })
    });
    until_so("it waits", || sql.stats().unwrap().writer.waiting == 1).await;
    let critical = tokio::spawn({
        let sql = sql.clone();
        CallContext::default().priority(Priority::Critical).scope(async move { sql.begin().await })
    });
    let refused = background.await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), FailureKind::Refused, "{refused}");
    busy.rollback().await.unwrap();
    critical.await.unwrap().unwrap().rollback().await.unwrap();
}

#[tokio::test]
async fn who_leaves_the_queue_takes_nothing_along() {
    let file = File::new();
    let sql = connect(&file.url()).await;
    for _ in 0..50 {
        let busy = sql.begin().await.unwrap();
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(sql.begin())).collect();
        for waiter in &mut waiting {
            let waits = std::future::poll_fn(|cx| Poll::Ready(waiter.as_mut().poll(cx).is_pending()));
            assert!(waits.await);
        }
        // Given to the first of them, who then leaves without looking.
        busy.rollback().await.unwrap();
        drop(waiting);
        let stats = sql.stats().unwrap().writer;
        assert_eq!((stats.waiting, stats.size), (0, 1), "{stats:?}");
    }
    sql.begin().await.unwrap().rollback().await.unwrap();
    assert_eq!(sql.stats().unwrap().writer.in_use, 0);
}

#[cfg(feature = "postgres")]
mod of_a_server {
    use std::panic::Location;

    use seawall_sql::Role;
    use seawall_testkit::proxy::{Fault, FaultProxy, Faults};
    use seawall_testkit::servers::postgres_url;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::support::{proxied, through, within};

    async fn of_size(url: &str, size: usize, adjust: impl FnOnce(&mut PoolConfig)) -> Sql {
        connect_with(url, |config| {
            config.pool.size = NonZeroUsize::new(size).unwrap();
            adjust(&mut config.pool);
        })
        .await
    }

    /// So many connections that rest.
    async fn fill(sql: &Sql, connections: usize) {
        let mut all = Vec::new();
        for _ in 0..connections {
            all.push(sql.begin().await.unwrap());
        }
        for transaction in all {
            transaction.rollback().await.unwrap();
        }
    }

    #[tokio::test]
    async fn connections_beyond_the_size_are_there_while_they_are_needed() {
        let sql = of_size(&postgres_url().unwrap(), 1, |pool| {
            pool.max_overflow = 2;
            pool.overflow_linger = HOUR;
            pool.wait_timeout = WAIT;
            (pool.max_lifetime, pool.idle_timeout) = (100 * HOUR, 100 * HOUR);
        })
        .await;
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(sql.begin().await.unwrap());
        }
        let stats = sql.stats().unwrap().writer;
        assert_eq!((stats.max, stats.size, stats.in_use), (3, 3, 3));
        let full = overtaken(sql.begin(), WAIT).await.unwrap_err();
        assert!(matches!(full.kind(), FailureKind::Overloaded { .. }), "{full}");
        let place = format!("by {}", Location::caller().file());
        assert!(full.to_string().contains(&place), "{full}");
        for transaction in all {
            transaction.rollback().await.unwrap();
        }
        pass(HOUR).await;
        until_so("the surplus is closed", || sql.stats().unwrap().writer.size == 1).await;
        let stats = sql.stats().unwrap().writer;
        assert_eq!((stats.idle, stats.opened, stats.destroyed), (1, 3, 2));
    }

    #[tokio::test]
    async fn connections_that_rest_are_closed_but_for_those_that_are_to_stay() {
        let sql = of_size(&postgres_url().unwrap(), 4, |pool| {
            pool.idle_timeout = Duration::from_millis(40);
            pool.min_idle = 2;
        })
        .await;
        until_so("two are opened ahead of need", || sql.stats().unwrap().writer.idle == 2).await;
        fill(&sql, 4).await;
        until_so("two rest for too long", || sql.stats().unwrap().writer.size == 2).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(sql.stats().unwrap().writer.idle, 2);
    }

    /// A way to a server on which every connection waits for a permit to come about. Counts them.
    async fn slow_door(url: &str) -> (String, Arc<Semaphore>, Arc<AtomicUsize>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut slow = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", slow.host_str().unwrap(), slow.port().unwrap());
        slow.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (gate, accepted) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
        let (gated, counter) = (Arc::clone(&gate), Arc::clone(&accepted));
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                let (server, gate) = (server.clone(), Arc::clone(&gated));
                tokio::spawn(async move {
                    gate.acquire().await.unwrap().forget();
                    let mut far = tokio::net::TcpStream::connect(server).await.unwrap();
                    // It ends with either side.
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        (slow.into(), gate, accepted)
    }

    /// Every caller waits less than a connection takes to open. Were each connection dropped with its caller, there
    /// would be a new one for each.
    #[tokio::test]
    async fn impatient_callers_of_a_slow_server_make_no_storm_of_connections() {
        let (url, gate, accepted) = slow_door(&postgres_url().unwrap()).await;
        let sql = of_size(&url, 2, |_| {}).await;
        // None is open when it begins: one that is dropped in a transaction is closed.
        drop(sql.begin().await.unwrap());
        assert_eq!(accepted.swap(0, Ordering::Relaxed), 1);
        for _ in 0..10 {
            let callers = (0..20).map(|_| {
                within(Duration::from_millis(10))
                    .scope(async { sql.query("select 1").fetch_one::<(i64,)>().await })
            });
            let answers = futures_util::future::join_all(callers).await;
            assert!(answers.iter().all(Result::is_err), "none can be open yet");
        }
        // What was begun for those who left is there for those who come.
        gate.add_permits(2);
        until_so("they are open", || sql.stats().unwrap().writer.idle == 2).await;
        sql.query("select 1").fetch_one::<(i64,)>().await.unwrap();
        assert_eq!(accepted.load(Ordering::Relaxed), 2, "two hundred callers left");
    }

    #[tokio::test]
    async fn one_session_of_a_demoted_server_retires_all_the_others() {
        while !found_out_twice_within_three_seconds().await {}
    }

    /// Says whether that was so; a machine that stood still meanwhile proves nothing.
    async fn found_out_twice_within_three_seconds() -> bool {
        let sql = of_size(&postgres_url().unwrap(), 3, |_| {}).await;
        sql.execute("create table t (n integer)").await.unwrap();
        fill(&sql, 3).await;
        assert_eq!(sql.stats().unwrap().writer.idle, 3);
        let began = tokio::time::Instant::now();
        // The session that came back last is the next one: the server behind it takes no writes now.
        sql.execute("set session characteristics as transaction read only").await.unwrap();
        sql.execute("insert into t values (1)").await.unwrap();
        let stats = sql.stats().unwrap().writer;
        assert_eq!((stats.destroyed, stats.opened), (3, 4), "{stats:?}");
        assert_eq!(count(&sql, "t").await, 1);
        // Not again within three seconds: a server that flaps is not stormed by all.
        fill(&sql, 3).await;
        let before = sql.stats().unwrap().writer.destroyed;
        sql.execute("set session characteristics as transaction read only").await.unwrap();
        sql.execute("insert into t values (2)").await.unwrap();
        let destroyed = sql.stats().unwrap().writer.destroyed - before;
        let proven = began.elapsed() < Duration::from_secs(3);
        assert!(destroyed == 1 || !proven, "only the one that failed, not {destroyed}");
        proven
    }

    #[tokio::test]
    async fn a_server_of_the_other_role_is_not_connected_to() {
        let url = postgres_url().unwrap();
        let connect_as = async |role| {
            let mut config = patient();
            config.pool.role = role;
            Sql::connect(&url, &config, Arc::new(())).await
        };
        let error = connect_as(Role::Replica).await.unwrap_err();
        assert!(error.to_string().contains("a replica was asked for"), "{error}");
        assert_eq!(error.kind(), FailureKind::Transient);
        connect_as(Role::Primary).await.unwrap();
        let database = url.rsplit_once('/').unwrap().1;
        let admin = connect(&url).await;
        let demote = format!("alter database {database} set default_transaction_read_only = on");
        admin.query(&demote).execute().await.unwrap();
        let error = connect_as(Role::Primary).await.unwrap_err();
        assert!(error.to_string().contains("takes no writes"), "{error}");
        connect_as(Role::Replica).await.unwrap();
        connect_as(Role::Any).await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_is_asked_and_says_nothing_gives_up_the_others_too() {
        let url = postgres_url().unwrap();
        let proxy: FaultProxy = proxied(&url).await;
        let sql = of_size(&through(&url, &proxy), 3, |pool| pool.validate_after_idle = Duration::ZERO).await;
        fill(&sql, 3).await;
        // The open ones are in a black hole, new ones are not.
        let accepted = proxy.connections();
        proxy.set(Faults::none().with(Fault::BlackHole, seawall_testkit::proxy::Rule::Numbered(0..accepted)));
        sql.query("select 1").fetch_one::<(i64,)>().await.unwrap();
        assert_eq!(
            sql.stats().unwrap().writer.destroyed,
            3,
            "asked one by one they would take a second each"
        );
    }
}
