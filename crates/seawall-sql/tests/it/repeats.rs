//! Transactions that are run again when the database undid them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{CallContext, Error, Event, FailureKind, Observer, Origin};
use seawall_sql::{Isolation, Sql, Transaction};

use crate::support::{connect, connect_with, count, on_every_database};

/// An error of a user's own, which says nothing of what caused it.
#[derive(Debug)]
struct Opaque(#[expect(dead_code, reason = "only shown")] Option<Error>);

impl From<Error> for Opaque {
    fn from(error: Error) -> Self {
        Self(Some(error))
    }
}

on_every_database! {
    async fn what_returns_ok_is_committed_and_what_returns_an_error_is_not(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        let kept = sql.transaction(async |tx| tx.execute("insert into t values (1)").await).await;
        assert_eq!(kept.unwrap(), 1);
        let undone: Result<(), Opaque> = sql.transaction(async |tx| {
            tx.execute("insert into t values (2)").await?;
            Err(Opaque(None))
        }).await;
        undone.unwrap_err();
        assert_eq!(count(&sql, "t").await, 1);
        assert_eq!(sql.stats().unwrap().writer.destroyed, 0, "an error costs no connection");
    }

    async fn a_panic_rolls_back(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        let task = tokio::spawn({
            let sql = sql.clone();
            async move {
                sql.transaction(async |tx| -> Result<(), Error> {
                    tx.execute("insert into t values (1)").await?;
                    panic!("on purpose");
                }).await
            }
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(count(&sql, "t").await, 0);
        sql.execute("insert into t values (2)").await.unwrap();
        assert_eq!(count(&sql, "t").await, 1);
    }

    async fn a_client_is_used_from_spawned_tasks_with_borrowed_and_owned_values(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (n integer, name varchar(20))").await.unwrap();
        let names: Arc<str> = Arc::from("Ann,Bob");
        let tasks: Vec<_> = (0..4).map(|n: i64| {
            let (sql, names) = (sql.clone(), Arc::clone(&names));
            tokio::spawn(async move {
                let runs = AtomicU32::new(0);
                let name = names.split(',').next().unwrap();
                let written: u64 = sql.build_transaction().retries(1).run(async |tx| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let inner = tx.savepoint(async |tx| {
                        tx.execute("insert into t values (:n, :name)").bind("n", n).bind("name", name).await
                    }).await?;
                    let many: Vec<(i64,)> = tx.query("select n from t where name = :name").bind("name", name).fetch_all().await?;
                    assert!(many.contains(&(n,)));
                    Ok::<_, Error>(inner)
                }).await.unwrap();
                (runs.into_inner(), written)
            })
        }).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), (1, 1));
        }
        assert_eq!(count(&sql, "t").await, 4);
    }

    async fn a_read_only_transaction_refuses_writes_and_can_be_followed_by_any(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = std::num::NonZeroUsize::MIN).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let read = sql.build_transaction().read_only().isolation(Isolation::RepeatableRead);
        let refused = read.run(async |tx| tx.execute("insert into t values (1)").await).await.unwrap_err();
        assert!(!refused.may_have_executed(), "{refused}");
        let seen: Vec<(i64,)> = sql.build_transaction().read_only().run(async |tx| tx.query("select n from t").fetch_all().await).await.unwrap();
        assert_eq!(seen, []);
        sql.execute("insert into t values (1)").await.unwrap();
        sql.transaction(async |tx| tx.execute("insert into t values (2)").await).await.unwrap();
        assert_eq!(count(&sql, "t").await, 2);
    }

    async fn a_transaction_that_takes_too_long_is_undone(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let runs = Cell::new(0);
        let call = async |time| sql.build_transaction().timeout(time).run(async |tx| {
            runs.update(|runs| runs + 1);
            tx.execute("insert into t values (1)").await?;
            std::future::pending::<()>().await;
            Ok::<_, Error>(())
        }).await;
        let error = crate::support::out_of_time(call, |_| runs.get() > 0).await;
        assert_eq!((error.kind(), error.may_have_executed(), runs.get()), (FailureKind::Timeout, false, 1), "{error}");
        assert_eq!(count(&sql, "t").await, 0);
    }

    async fn a_deadline_that_passed_before_the_commit_sends_none(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        transaction.execute("insert into t values (1)").await.unwrap();
        let past = CallContext::default().deadline(tokio::time::Instant::now().into_std());
        let error = past.scope(transaction.commit()).await.unwrap_err();
        assert_eq!((error.layer(), error.kind(), error.may_have_executed()), ("sql", FailureKind::Timeout, false));
        assert_eq!(count(&sql, "t").await, 0);
    }

    async fn one_whose_statement_was_cancelled_half_way_commits_nothing(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        transaction.execute("insert into t values (1)").await.unwrap();
        // SQLite may be that fast.
        while crate::cancellation::cut(transaction.query("insert into t values (2)").execute(), 1).await.is_some() {}
        let after = transaction.execute("insert into t values (3)").await.unwrap_err();
        assert!(after.to_string().contains("half-way"), "{after}");
        transaction.commit().await.unwrap_err();
        assert_eq!(count(&sql, "t").await, 0);
    }
}

/// Two runs of everybody's meet between reading and writing, so that one of them is undone.
async fn write_skew(sql: &Sql, retries: u32) -> (Vec<Result<i64, Opaque>>, u32) {
    let meeting = Arc::new(tokio::sync::Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..2)
        .map(|id: i64| {
            let (sql, meeting, runs) = (sql.clone(), Arc::clone(&meeting), Arc::clone(&runs));
            tokio::spawn(async move {
                let met = AtomicBool::new(false);
                let transaction = sql.build_transaction().serializable().retries(retries);
                transaction
                    .run(async |tx: &mut Transaction| {
                        runs.fetch_add(1, Ordering::Relaxed);
                        let all: Vec<(i64,)> = tx.query("select n from t").fetch_all().await?;
                        let sum: i64 = all.into_iter().map(|(n,)| n).sum();
                        if !met.swap(true, Ordering::Relaxed) {
                            meeting.wait().await;
                        }
                        // Each writes what only it writes; each read what the other writes.
                        tx.execute("update t set n = n + :sum where id = :id")
                            .bind("sum", sum)
                            .bind("id", id)
                            .await?;
                        Ok(sum)
                    })
                    .await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    (results, runs.load(Ordering::Relaxed))
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod servers {
    use seawall_sql::{ALREADY_COMMITTED, COMMIT_UNKNOWN, IDEMPOTENCY_TABLE};
    use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults};

    use super::*;
    use crate::support::{proxied, through};

    #[derive(Default)]
    struct Told(Mutex<Vec<Event>>);

    impl Observer for Told {
        fn observe(&self, origin: Origin<'_>, event: &Event) {
            if origin.strategy == "sql_transaction" {
                assert_eq!(origin.pipeline, "sql");
                self.0.lock().unwrap().push(*event);
            }
        }
    }

    async fn two_rows(sql: &Sql) {
        sql.execute("drop table if exists t").await.unwrap();
        sql.execute("create table t (id integer primary key, n integer)").await.unwrap();
        sql.execute("insert into t values (0, 1), (1, 1)").await.unwrap();
    }

    async fn keyed(url: &str, proxy: &FaultProxy) -> Sql {
        let sql = connect(&through(url, proxy)).await;
        sql.execute("create table t (n integer)").await.unwrap();
        sql.create_idempotency_table().await.unwrap();
        sql
    }

    /// Runs a test on every server that is compiled in, each time on an empty database.
    macro_rules! on_every_server {
        ($(async fn $name:ident($url:ident: &str) $body:block)+) => {$(
            mod $name {
                use super::*;

                async fn body($url: &str) $body

                crate::support::tests_on_servers!(body);
            }
        )+};
    }

    on_every_server! {
        async fn a_serialization_failure_runs_all_of_it_again_whatever_the_work_made_of_it(url: &str) {
            let told = Arc::new(Told::default());
            let sql = Sql::connect(url, &crate::support::patient(), Arc::clone(&told) as _)
                .await
                .unwrap();
            two_rows(&sql).await;
            let (results, runs) = write_skew(&sql, 3).await;
            let mut sums: Vec<i64> = results.into_iter().map(Result::unwrap).collect();
            sums.sort_unstable();
            assert_eq!(sums, [2, 4], "as if one came after the other");
            let told = told.0.lock().unwrap();
            // Two, and another each time that one came in the way of the other, which may be so once more.
            assert!(runs >= 3 && told.len() == runs as usize - 2, "{runs} runs, {told:?}");
            let Event::Retried { attempt: 1, kind: FailureKind::Transient, delay, balance: Some(_) } = told[0]
            else {
                panic!("{told:?}")
            };
            assert!(delay <= Duration::from_millis(5), "{delay:?}");
        }

        async fn the_victim_of_a_deadlock_runs_again(url: &str) {
            let sql = connect(url).await;
            two_rows(&sql).await;
            let meeting = Arc::new(tokio::sync::Barrier::new(2));
            let runs = Arc::new(AtomicU32::new(0));
            let tasks: Vec<_> = (0..2)
                .map(|id: i64| {
                    let (sql, meeting, runs) = (sql.clone(), Arc::clone(&meeting), Arc::clone(&runs));
                    tokio::spawn(async move {
                        let met = AtomicBool::new(false);
                        let update = "update t set n = n + 1 where id = :id";
                        sql.transaction(async |tx| {
                            runs.fetch_add(1, Ordering::Relaxed);
                            tx.execute(update).bind("id", id).await?;
                            if !met.swap(true, Ordering::Relaxed) {
                                meeting.wait().await;
                            }
                            tx.execute(update).bind("id", 1 - id).await
                        })
                        .await
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            let rows: Vec<(i64,)> = sql.query("select n from t order by id").fetch_all().await.unwrap();
            assert_eq!((rows, runs.load(Ordering::Relaxed)), (vec![(3,), (3,)], 3));
        }

        async fn repeats_are_bounded_by_their_number_and_by_the_budget(url: &str) {
            let sql = connect(url).await;
            two_rows(&sql).await;
            let (results, runs) = write_skew(&sql, 0).await;
            assert_eq!((results.iter().filter(|result| result.is_err()).count(), runs), (1, 2));
            let poor = connect_with(url, |config| {
                config.pipeline.retry_budget.reserve = 0.0;
                config.pipeline.retry_budget.ratio = 0.0;
                config.pipeline.retry_budget.trickle = 0.0;
            })
            .await;
            two_rows(&poor).await;
            let (results, runs) = write_skew(&poor, 3).await;
            assert_eq!((results.iter().filter(|result| result.is_err()).count(), runs), (1, 2));
        }

        async fn a_connection_lost_before_the_commit_runs_all_of_it_again(url: &str) {
            let sql = connect(url).await;
            sql.execute("create table t (n integer)").await.unwrap();
            let runs = Cell::new(0);
            sql.transaction(async |tx| {
                runs.update(|runs| runs + 1);
                tx.execute("insert into t values (1)").await?;
                if runs.get() == 1 {
                    let mysql = url.starts_with("mysql");
                let of_backend = if mysql { "select connection_id()" } else { "select pg_backend_pid()" };
                let (pid,): (i64,) = tx.query(of_backend).fetch_one().await?;
                let kill = if mysql { format!("kill {pid}") } else { format!("select pg_terminate_backend({pid})") };
                    sql.query(&kill).execute().await?;
                }
                tx.execute("insert into t values (2)").await
            })
            .await
            .unwrap();
            assert_eq!((runs.get(), count(&sql, "t").await), (2, 2));
        }

        async fn a_commit_without_an_answer_is_never_repeated_blindly(url: &str) {
            let proxy = proxied(url).await;
            let sql = keyed(url, &proxy).await;
            let runs = Cell::new(0);
            let error = sql
                .transaction(async |tx| {
                    runs.update(|runs| runs + 1);
                    tx.execute("insert into t values (1)").await?;
                    proxy.set(Faults::always(Fault::Reset));
                    Ok::<_, Error>(())
                })
                .await
                .unwrap_err();
            assert_eq!(
                (error.layer(), error.may_have_executed(), runs.get()),
                (COMMIT_UNKNOWN, true, 1),
                "{error}"
            );
        }

        async fn a_commit_that_hangs_gives_its_place_back(url: &str) {
            let proxy = proxied(url).await;
            let sql = connect_with(&through(url, &proxy), |config| {
                config.pool.size = std::num::NonZeroUsize::MIN;
                config.pool.max_overflow = 0;
                config.pool.wait_timeout = Duration::from_mins(1);
                config.pipeline.attempt_timeout = None;
                config.pipeline.deadline = None;
            })
            .await;
            sql.execute("create table t (n integer)").await.unwrap();
            let call = async |time| {
                proxy.set(Faults::none());
                let mut transaction = sql.begin().await.unwrap();
                transaction.execute("insert into t values (1)").await.unwrap();
                proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
                crate::support::within(time).scope(transaction.commit()).await
            };
            let error = crate::support::out_of_time(call, Error::may_have_executed).await;
            assert_eq!(error.layer(), COMMIT_UNKNOWN, "{error}");
            proxy.set(Faults::none());
            // The one place of the pool: its connection hangs for ever.
            sql.execute("insert into t values (2)").await.unwrap();
        }

        async fn with_a_key_a_commit_that_never_arrived_is_found_out_and_run_again(url: &str) {
            let proxy = Arc::new(proxied(url).await);
            let sql = keyed(url, &proxy).await;
            let runs = Cell::new(0);
            let answer = sql
                .build_transaction()
                .idempotency_key("request 1")
                .run(async |tx| {
                    runs.update(|runs| runs + 1);
                    tx.execute("insert into t values (1)").await?;
                    if runs.get() == 1 {
                        proxy.set(Faults::always(Fault::Reset));
                        let proxy = Arc::clone(&proxy);
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            proxy.set(Faults::none());
                        });
                    }
                    Ok::<_, Error>(runs.get())
                })
                .await;
            assert_eq!(answer.unwrap(), 2);
            assert_eq!(count(&connect(url).await, "t").await, 1);
        }

        async fn with_a_key_a_commit_whose_answer_was_lost_is_found_out_and_not_run_again(url: &str) {
            let proxy = Arc::new(proxied(url).await);
            let sql = keyed(url, &proxy).await;
            let direct = connect(url).await;
            let runs = Cell::new(0);
            let answer = sql
                .build_transaction()
                .idempotency_key("request 2")
                .run(async |tx| {
                    runs.update(|runs| runs + 1);
                    tx.execute("insert into t values (1)").await?;
                    // The COMMIT arrives and its answer does not; the connection breaks once it happened.
                    proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
                    let (proxy, direct) = (Arc::clone(&proxy), direct.clone());
                    tokio::spawn(async move {
                        while count(&direct, "t").await == 0 {
                            tokio::task::yield_now().await;
                        }
                        proxy.set(Faults::always(Fault::Reset));
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        proxy.set(Faults::none());
                    });
                    Ok::<_, Error>("written")
                })
                .await;
            assert_eq!((answer.unwrap(), runs.get()), ("written", 1));
            assert_eq!(count(&direct, "t").await, 1);
        }

        async fn while_nobody_can_be_asked_a_lost_commit_stays_unknown(url: &str) {
            let proxy = proxied(url).await;
            let sql = keyed(url, &proxy).await;
            let call = async |time| {
                proxy.set(Faults::none());
                let transaction = sql.build_transaction().idempotency_key("request 3").timeout(5 * time);
                let run = transaction.run(async |tx| {
                    tx.execute("insert into t values (1)").await?;
                    proxy.set(Faults::always(Fault::Reset));
                    Ok::<_, Error>(())
                });
                run.await
            };
            let error = crate::support::out_of_time(call, Error::may_have_executed).await;
            assert_eq!((error.layer(), error.may_have_executed()), (COMMIT_UNKNOWN, true), "{error}");
        }

        async fn two_with_one_key_are_one(url: &str) {
            let sql = connect(url).await;
            sql.execute("create table t (n integer)").await.unwrap();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let sql = sql.clone();
                    tokio::spawn(async move {
                        let transaction = sql.build_transaction().idempotency_key("the same");
                        transaction.run(async |tx| tx.execute("insert into t values (1)").await).await
                    })
                })
                .collect();
            let mut written = 0;
            for task in tasks {
                match task.await.unwrap() {
                    Ok(rows) => written += rows,
                    Err(error) => assert_eq!(
                        (error.layer(), error.may_have_executed()),
                        (ALREADY_COMMITTED, false),
                        "{error}"
                    ),
                }
            }
            assert_eq!((written, count(&sql, "t").await, count(&sql, IDEMPOTENCY_TABLE).await), (1, 1, 1));
        }
    }

    #[cfg(feature = "mysql")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lock_that_mysql_waited_for_in_vain_runs_all_of_it_again() {
        let sql = connect(&seawall_testkit::servers::mariadb_url().unwrap()).await;
        two_rows(&sql).await;
        let mut held = sql.begin().await.unwrap();
        held.execute("update t set n = 5 where id = 0").await.unwrap();
        let held = std::cell::RefCell::new(Some(held));
        let runs = Cell::new(0);
        let sum = sql
            .transaction(async |tx| {
                runs.update(|runs| runs + 1);
                if runs.get() == 2 {
                    let held = held.borrow_mut().take().expect("it is released once");
                    held.commit().await?;
                }
                tx.execute("set session innodb_lock_wait_timeout = 1").await?;
                tx.execute("update t set n = n + 1 where id = 1").await?;
                tx.execute("update t set n = n + 1 where id = 0").await
            })
            .await;
        assert_eq!((sum.unwrap(), runs.get()), (1, 2));
        let rows: Vec<(i64,)> = sql.query("select n from t order by id").fetch_all().await.unwrap();
        assert_eq!(rows, [(6,), (2,)], "each change once");
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_savepoint_is_not_run_again_by_itself() {
        let sql = connect(&seawall_testkit::servers::postgres_url().unwrap()).await;
        two_rows(&sql).await;
        let (outer, inner) = (Cell::new(0), Cell::new(0));
        let written = sql
            .build_transaction()
            .repeatable_read()
            .run(async |tx| {
                outer.update(|runs| runs + 1);
                let _: (i64,) = tx.query("select n from t where id = 0").fetch_one().await?;
                if outer.get() == 1 {
                    // Somebody else changes the row after our snapshot.
                    sql.execute("update t set n = 10 where id = 0").await?;
                }
                tx.savepoint(async |tx| {
                    inner.update(|runs| runs + 1);
                    tx.execute("update t set n = n + 1 where id = 0").await
                })
                .await
            })
            .await;
        assert_eq!((written.unwrap(), outer.get(), inner.get()), (1, 2, 2));
        let (n,): (i64,) = sql.query("select n from t where id = 0").fetch_one().await.unwrap();
        assert_eq!(n, 11);
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn within_the_attempt_of_another_retry_nothing_is_run_again() {
        let sql = connect(&seawall_testkit::servers::postgres_url().unwrap()).await;
        two_rows(&sql).await;
        let runs = Cell::new(0);
        let context = CallContext::default().attempt(std::num::NonZeroU32::MIN);
        let result = context
            .scope(sql.build_transaction().repeatable_read().run(async |tx| {
                runs.update(|runs| runs + 1);
                let _: (i64,) = tx.query("select n from t where id = 0").fetch_one().await?;
                sql.execute("update t set n = 10 where id = 0").await?;
                tx.execute("update t set n = n + 1 where id = 0").await
            }))
            .await;
        assert_eq!((result.unwrap_err().kind(), runs.get()), (FailureKind::Transient, 1));
    }
}

on_every_database! {
    async fn a_key_is_committed_with_its_transaction_or_not_at_all(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (n integer)").await.unwrap();
        let keyed = || sql.build_transaction().idempotency_key("request:1");
        let failed: Result<(), Opaque> = keyed().run(async |tx| {
            tx.execute("insert into t values (1)").await?;
            Err(Opaque(None))
        }).await;
        failed.unwrap_err();
        keyed().run(async |tx| tx.execute("insert into t values (2)").await).await.unwrap();
        let again = keyed().run(async |tx| tx.execute("insert into t values (3)").await).await.unwrap_err();
        assert_eq!(again.layer(), seawall_sql::ALREADY_COMMITTED, "{again}");
        assert_eq!(count(&sql, "t").await, 1);
        // Keys are compared byte by byte.
        for other in ["Request:1", "request:1 "] {
            sql.build_transaction().idempotency_key(other).run(async |tx| tx.execute("insert into t values (4)").await).await.unwrap();
        }
        assert_eq!(sql.forget_idempotency_keys(Duration::from_hours(1)).await.unwrap(), 0);
        sql.execute("update seawall_idempotency_keys set taken_at = taken_at - 7200").await.unwrap();
        assert_eq!(sql.forget_idempotency_keys(Duration::from_hours(1)).await.unwrap(), 3);
        keyed().run(async |tx| tx.execute("insert into t values (5)").await).await.unwrap();
        for bad in [String::new(), "x".repeat(256)] {
            let transaction = sql.build_transaction().idempotency_key(bad);
            let refused = transaction.run(async |_| Ok::<_, Error>(())).await.unwrap_err();
            assert_eq!(refused.kind(), FailureKind::Permanent, "{refused}");
        }
    }
}

/// Tells that something is made again.
#[derive(Default)]
struct Again(tokio::sync::Notify);

impl Observer for Again {
    fn observe(&self, _: Origin<'_>, event: &Event) {
        if matches!(event, Event::Retried { .. }) {
            self.0.notify_one();
        }
    }
}

/// Another process holds the file's lock for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_sqlite_waited_for_in_vain_is_waited_for_again() {
    let file = crate::support::File::new();
    let again = Arc::new(Again::default());
    let mut config = crate::support::patient();
    config.sqlite.busy_timeout = Duration::ZERO;
    config.pipeline.retry.max_attempts = std::num::NonZeroU32::new(100).unwrap();
    config.pipeline.retry_budget.reserve = 100.0;
    let sql = Sql::connect(&file.url(), &config, Arc::clone(&again) as _).await.unwrap();
    sql.execute("create table t (n integer)").await.unwrap();
    let other = connect(&file.url()).await;
    let held = other.begin().await.unwrap();
    let waiting = tokio::spawn({
        let sql = sql.clone();
        async move { sql.transaction(async |tx| tx.execute("insert into t values (1)").await).await }
    });
    again.0.notified().await;
    held.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(count(&sql, "t").await, 1);
}
