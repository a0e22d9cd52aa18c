use std::sync::Arc;
use std::time::Duration;

use seawall_core::FailureKind;
use seawall_sql::{ReplicasConfig, Sql, SqlConfig};

fn with_replicas(urls: &[String]) -> SqlConfig {
    let replicas = ReplicasConfig {
        urls: urls.iter().cloned().map(Into::into).collect(),
        max_lag: Duration::from_secs(1),
        probe_interval: Duration::from_millis(20),
    };
    SqlConfig { replicas, ..crate::support::patient() }
}

async fn connect(url: &str, replicas: &[String]) -> Sql {
    Sql::connect(url, &with_replicas(replicas), Arc::new(())).await.unwrap()
}

/// A client that has found once that these are in use, and never asks again: on a machine that stands still while they
/// are asked, they have not said in time.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn standing(url: &str, replicas: &[String], in_use: &[bool]) -> Sql {
    let mut config = with_replicas(replicas);
    config.replicas.probe_interval = Duration::from_hours(1);
    loop {
        let sql = Sql::connect(url, &config, Arc::new(())).await.unwrap();
        if sql.replicas().iter().map(|replica| replica.in_use).eq(in_use.iter().copied()) {
            return sql;
        }
        drop(sql);
    }
}

#[cfg(feature = "postgres")]
mod streaming {
    use seawall_testkit::servers::Postgres;

    use super::*;
    use crate::support::count;

    const ANSWERED_BY_A_REPLICA: &str = "select pg_is_in_recovery()";

    async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !done().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), waiting).await.expect(what);
    }

    async fn near(sql: &Sql) {
        until("the replica is never near", async || sql.replicas().iter().all(|replica| replica.in_use))
            .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn reads_that_say_so_go_to_the_replica_and_see_what_was_written_before() {
        let primary = Postgres::start().unwrap();
        let mut replica = primary.start_replica().unwrap();
        let sql = connect(&primary.url(), &[replica.url()]).await;
        near(&sql).await;
        let by_a_replica = |sql: &Sql| {
            let sql = sql.clone();
            async move { sql.query(ANSWERED_BY_A_REPLICA).read().fetch_scalar::<bool>().await.unwrap() }
        };
        // A machine that stands still for a second has left it out, until it is asked again.
        until("the replica does not answer", async || by_a_replica(&sql).await).await;
        assert!(
            !sql.query(ANSWERED_BY_A_REPLICA).fetch_scalar::<bool>().await.unwrap(),
            "nothing is guessed"
        );

        // What may write does, whatever it is called.
        sql.execute("create table t (n integer)").await.unwrap();
        sql.query("insert into t values (1) returning n").read().fetch_scalar::<i64>().await.unwrap();

        for n in 2..50 {
            sql.execute("insert into t values (:n)").bind("n", n).await.unwrap();
            let token = sql.write_token().await.unwrap().to_string().parse().unwrap();
            let seen: i64 = sql.query("select max(n) from t").read_after(token).fetch_scalar().await.unwrap();
            assert_eq!(seen, n);
        }

        // One that does not replay what it receives falls behind, and is left alone until it has caught up.
        let direct = connect(&replica.url(), &[]).await;
        direct.query("select pg_wal_replay_pause()::text").fetch_scalar::<Option<String>>().await.unwrap();
        sql.execute("insert into t values (50)").await.unwrap();
        let token = sql.write_token().await.unwrap();
        let seen: i64 = sql.query("select max(n) from t").read_after(token).fetch_scalar().await.unwrap();
        assert_eq!(seen, 50, "the server that writes answers in its place");
        until("the replica is never behind", async || !sql.replicas()[0].in_use).await;
        assert!(!by_a_replica(&sql).await);
        direct.query("select pg_wal_replay_resume()::text").fetch_scalar::<Option<String>>().await.unwrap();
        near(&sql).await;
        // A machine that stands still for a second has left it out, until it is asked again.
        until("the replica does not answer", async || by_a_replica(&sql).await).await;
        until("it has not caught up", async || {
            let on_the_replica = sql.query("select pg_is_in_recovery()").read_after(token);
            on_the_replica.fetch_scalar::<bool>().await.unwrap()
        })
        .await;

        // One that dies is not missed, and comes back by itself.
        replica.kill();
        for _ in 0..20 {
            assert!(!by_a_replica(&sql).await);
        }
        replica.restart().unwrap();
        near(&sql).await;
        // A machine that stands still for a second has left it out, until it is asked again.
        until("the replica does not answer", async || by_a_replica(&sql).await).await;
        assert_eq!(count(&sql, "t").await, 50);
        sql.close(Duration::from_mins(3)).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn replicas_share_the_reads_and_one_that_is_not_there_keeps_nobody_waiting() {
        let (primary, one, other) = std::thread::scope(|scope| {
            let starts: [_; 3] = std::array::from_fn(|_| scope.spawn(|| Postgres::start().unwrap()));
            starts.map(|start| start.join().unwrap()).into()
        });
        // None of them follows anybody, so none is behind.
        let nobody = "postgres://postgres@127.0.0.1:1/postgres".to_owned();
        let sql = standing(&primary.url(), &[one.url(), nobody, other.url()], &[true, false, true]).await;
        let port = "select current_setting('port')";
        let mut answers = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..200 {
            *answers.entry(sql.query(port).read().fetch_scalar().await.unwrap()).or_default() += 1;
        }
        let (first, second) = (one.addr().port().to_string(), other.addr().port().to_string());
        assert_eq!(answers.len(), 2, "{answers:?}");
        assert!(answers[&first] > 0 && answers[&second] > 0, "{answers:?}");
        assert!(!format!("{:?}", with_replicas(&[one.url()])).contains("127.0.0.1"));
    }
}

/// Two servers, of which neither follows: it says so, and is behind nobody.
#[cfg(feature = "mysql")]
#[tokio::test]
async fn mariadb_reads_from_the_writer_until_a_write_must_have_come_everywhere() {
    let (writer, replica) =
        (seawall_testkit::servers::mariadb_url().unwrap(), seawall_testkit::servers::mariadb_url().unwrap());
    let sql = standing(&writer, &[replica], &[true]).await;
    let database = |token: Option<seawall_sql::WriteToken>| {
        let sql = sql.clone();
        async move {
            let query = sql.query("select database()");
            let query = match token {
                Some(token) => query.read_after(token),
                None => query.read(),
            };
            query.fetch_scalar::<String>().await.unwrap()
        }
    };
    let followed = database(None).await;
    assert!(!writer.ends_with(&followed), "{:?}", sql.replicas());
    assert!(writer.ends_with(&database(Some(sql.write_token().await.unwrap())).await));
    let long_ago = "m1".parse().unwrap();
    assert_eq!(database(Some(long_ago)).await, followed);
}

#[tokio::test]
async fn a_replica_of_another_kind_is_refused() {
    let error = Sql::connect("sqlite::memory:", &with_replicas(&["sqlite::memory:".into()]), Arc::new(()))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("must be of the same kind"), "{error}");
}
