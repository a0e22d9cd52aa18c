//! Servers that die, networks that cut: what was acknowledged is there, once; what was not, is known to be unknown.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{CallContext, Error};
use seawall_sql::{COMMIT_UNKNOWN, Sql, SqlConfig};
use seawall_testkit::proxy::{Direction, Fault, Faults, Rule};
use seawall_testkit::servers::{MariaDb, Postgres, mariadb_url, postgres_url};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{connect, proxied, through};

/// What a caller gives a write, and by how much later it has to have its answer at the latest.
const DEADLINE: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(10);

async fn connect_with(url: &str, adjust: impl FnOnce(&mut SqlConfig)) -> Sql {
    let mut config = SqlConfig::default();
    adjust(&mut config);
    Sql::connect(url, &config, Arc::new(())).await.unwrap()
}

/// What came of the writes, by their numbers.
#[derive(Default)]
struct Account {
    next: AtomicI64,
    stopped: AtomicBool,
    acknowledged: Mutex<HashSet<i64>>,
    /// May be there.
    unknown: Mutex<HashSet<i64>>,
    /// Is not there: the error says so.
    refused: Mutex<HashSet<i64>>,
    late: AtomicUsize,
    writes: AtomicUsize,
}

impl Account {
    fn take(&self, id: i64, result: &Result<(), Error>) {
        let list = match result {
            Ok(()) => &self.acknowledged,
            Err(error) if error.may_have_executed() => &self.unknown,
            Err(_) => &self.refused,
        };
        list.lock().unwrap().insert(id);
        self.writes.fetch_add(1, Relaxed);
    }

    /// What the caller of a write was told.
    fn said_of(&self, id: i64) -> &'static str {
        let lists =
            [("done", &self.acknowledged), ("unknown", &self.unknown), ("not executed", &self.refused)];
        let said = lists.into_iter().find(|(_, list)| list.lock().unwrap().contains(&id));
        said.map_or("nothing", |(said, _)| said)
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

/// Every row of the first table has a key of its own from the server, so that what is written twice is there twice, under two
/// keys.
async fn prepare(sql: &Sql) {
    let key = match sql.system() {
        Some("mariadb") => "bigint auto_increment primary key",
        _ => "bigserial primary key",
    };
    let plain = format!("create table plain (row_key {key}, id bigint not null, half integer not null)");
    sql.execute(&plain).await.unwrap();
    sql.execute("create table keyed (id bigint primary key)").await.unwrap();
}

/// One in three writes is a plain insert, one a transaction of two, one carries its own key and may be repeated.
async fn write(sql: &Sql, id: i64) -> Result<(), Error> {
    match id % 3 {
        0 => {
            sql.execute("insert into plain (id, half) values (:id, 0), (:id, 1)").bind("id", id).await?;
        }
        1 => {
            let mut transaction = sql.begin().await?;
            for half in 0..2 {
                let insert = transaction.execute("insert into plain (id, half) values (:id, :half)");
                // Until the commit, nothing that is lost was written.
                insert.bind("id", id).bind("half", half).await.map_err(Error::not_executed)?;
            }
            transaction.commit().await.inspect_err(|error| {
                assert_eq!(error.layer() == COMMIT_UNKNOWN, error.may_have_executed(), "{error}");
            })?;
        }
        _ => {
            let text = match sql.system() {
                Some("mariadb") => "insert into keyed values (:id) on duplicate key update id = id",
                _ => "insert into keyed values (:id) on conflict do nothing",
            };
            sql.execute(text).bind("id", id).idempotent().await?;
        }
    }
    Ok(())
}

fn start_writers(sql: &Sql, account: &Arc<Account>) -> JoinSet<()> {
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let (sql, account) = (sql.clone(), Arc::clone(account));
        writers.spawn(async move {
            while !account.stopped.load(Relaxed) {
                let id = account.next.fetch_add(1, Relaxed);
                let began = Instant::now();
                let context = CallContext::default().within(DEADLINE, began.into_std());
                let result = context.scope(write(&sql, id)).await;
                if began.elapsed() > DEADLINE + SLACK {
                    account.late.fetch_add(1, Relaxed);
                }
                account.take(id, &result);
                if result.is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    writers
}

/// Stops the writers and compares what they were told with what is there.
async fn settle(sql: &Sql, direct: &Sql, account: &Account, mut writers: JoinSet<()>) {
    account.stopped.store(true, Relaxed);
    while let Some(ended) =
        tokio::time::timeout(DEADLINE + SLACK, writers.join_next()).await.expect("a task is stuck")
    {
        ended.unwrap();
    }
    assert_eq!(account.late.load(Relaxed), 0, "callers were kept past their deadline");
    // A server that applies a part of its log twice as it recovers shows the same row twice, key included: that is no
    // second write.
    let plain: Vec<(i64, i64, i64)> =
        direct.query("select distinct row_key, id, half from plain").fetch_all().await.unwrap();
    let keyed: Vec<(i64,)> = direct.query("select id from keyed").fetch_all().await.unwrap();
    let mut halves = HashSet::new();
    let twice: Vec<_> = plain.iter().filter(|(_, id, half)| !halves.insert((*id, *half))).collect();
    let said: Vec<_> = twice.iter().map(|(_, id, _)| account.said_of(*id)).collect();
    assert!(
        twice.is_empty(),
        "written twice (key, id, half): {twice:?}, and their callers were told {said:?}"
    );
    let there: HashSet<i64> =
        plain.iter().map(|(_, id, _)| *id).chain(keyed.iter().map(|(id,)| *id)).collect();
    for (id, half) in &halves {
        assert!(halves.contains(&(*id, 1 - half)), "half of write {id} is there");
    }
    let acknowledged = account.acknowledged.lock().unwrap().clone();
    let unknown = account.unknown.lock().unwrap().clone();
    let refused = account.refused.lock().unwrap().clone();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    let ghosts: Vec<_> = refused.intersection(&there).collect();
    assert!(ghosts.is_empty(), "said not to have been executed, and there: {ghosts:?}");
    println!(
        "{} writes acknowledged, {} unknown ({} of them there), {} refused",
        acknowledged.len(),
        unknown.len(),
        unknown.intersection(&there).count(),
        refused.len()
    );
    assert!(acknowledged.len() > 100, "hardly anything was written");
    let at_rest = async {
        loop {
            let stats = sql.stats().unwrap().writer;
            if stats.in_use == 0 && stats.waiting == 0 && stats.opening == 0 && stats.size == stats.idle {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let stats = || sql.stats().unwrap().writer;
    tokio::time::timeout(SLACK, at_rest)
        .await
        .unwrap_or_else(|_| panic!("a connection leaked: {:?}", stats()));
}

/// Kills a server under load twenty times and starts it again.
macro_rules! killed_and_restarted {
    ($name:ident, $server:ty, $sessions:literal) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let mut server = <$server>::start().unwrap();
            let sql = connect_with(&server.url(), |config| {
                config.pool.size = std::num::NonZeroUsize::new(6).unwrap();
            })
            .await;
            prepare(&sql).await;
            let account = Arc::new(Account::default());
            let writers = start_writers(&sql, &account);
            let mut recoveries = Vec::new();
            for _ in 0..20 {
                let before = account.acknowledged();
                wait_for("writes before the blow", || account.acknowledged() > before + 20).await;
                server = tokio::task::spawn_blocking(move || {
                    server.kill();
                    server.restart().unwrap();
                    server
                })
                .await
                .unwrap();
                let (answers, before) = (Instant::now(), account.acknowledged());
                wait_for("a write after the restart", || account.acknowledged() > before).await;
                recoveries.push(answers.elapsed());
            }
            recoveries.sort();
            let (median, worst) = (recoveries[10], recoveries[19]);
            println!(
                "{}: a write was acknowledged {median:.0?} after the server answered, {worst:.0?} at worst",
                stringify!($server)
            );
            let direct = connect(&server.url()).await;
            settle(&sql, &direct, &account, writers).await;
            let (sessions,): (i64,) = direct.query($sessions).fetch_one().await.unwrap();
            assert!(sessions <= 6, "{sessions} sessions are open on the server");
        }
    };
}

killed_and_restarted!(
    postgres_killed_twenty_times_loses_nothing_and_doubles_nothing,
    Postgres,
    "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
);
killed_and_restarted!(
    mariadb_killed_twenty_times_loses_nothing_and_doubles_nothing,
    MariaDb,
    "select count(*) from information_schema.processlist where id <> connection_id() and user = 'root'"
);

async fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("there were no {what}"));
}

/// Connections that are cut after so many bytes, in the middle of whatever that is.
async fn cut_at_random_bytes(url: &str) {
    let direct = connect(url).await;
    let proxy = proxied(url).await;
    let sql = connect_with(&through(url, &proxy), |config| {
        config.pool.size = std::num::NonZeroUsize::new(6).unwrap();
    })
    .await;
    prepare(&direct).await;
    let account = Arc::new(Account::default());
    let writers = start_writers(&sql, &account);
    let mut random = fastrand::Rng::with_seed(23);
    for _ in 0..60 {
        let before = account.writes.load(Relaxed);
        let direction = if random.bool() { Direction::Up } else { Direction::Down };
        let cut = Fault::ResetAfter { direction, after: random.u64(1..6000) };
        let end = Fault::Truncate { direction, after: random.u64(1..6000) };
        proxy.set(Faults::none().with(cut, Rule::Chance(0.5)).with(end, Rule::Chance(0.3)));
        wait_for("writes through the cuts", || account.writes.load(Relaxed) > before + 12).await;
    }
    proxy.set(Faults::none());
    let before = account.acknowledged();
    wait_for("writes after the cuts", || account.acknowledged() > before + 100).await;
    settle(&sql, &direct, &account, writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_cut_at_random_bytes_loses_nothing_and_doubles_nothing() {
    cut_at_random_bytes(&postgres_url().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_cut_at_random_bytes_loses_nothing_and_doubles_nothing() {
    cut_at_random_bytes(&mariadb_url().unwrap()).await;
}
