//! How soon a statement of two seconds that is dropped gives its connection back: the next statement waits for the only
//! one that there is.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seawall_bench::{Better, Comparison, Side};
use seawall_sql::{Sql, SqlConfig};
use seawall_testkit::servers::MariaDb;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;

use crate::Result;
use crate::turns::line;

/// A sample is the slowest of so many.
const DROPS: usize = 5;
/// Of sqlx's pool, which waits for the statement to end.
const ROUNDS_OF_SQLX: usize = 3;
/// By then a statement is at work.
const BEGUN: Duration = Duration::from_millis(50);
const TABLE: &str = "create table dropped (n integer)";
const NEXT: &str = "insert into dropped values (1)";

pub(crate) async fn compare(postgres: &str, rounds: usize) -> Result<Vec<Comparison>> {
    let mariadb = MariaDb::start()?;
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite://{}/dropped.db", folder.path().display());
    let mut all = Vec::new();
    for (name, url, slow) in [
        ("Postgres", postgres, "insert into dropped select 1 from pg_sleep(2)"),
        ("MariaDB", &mariadb.url(), "insert into dropped select sleep(2)"),
        (
            "SQLite",
            &sqlite,
            "insert into dropped with recursive r(n) as (select 1 union all select n + 1 from r where n < 100000000) \
             select n from r where n < 0",
        ),
    ] {
        let what = || format!("{name}: a dropped statement of 2 s gives its connection back");
        let ours = through_seawall(url, slow, rounds).await?;
        let bound = Side::new("100 ms", vec![100.0]);
        all.push(line(what(), Side::new("seawall", ours.clone()), bound, "ms", Better::Lower, Some(1.0)));
        if name == "Postgres" {
            let peer = Side::new("sqlx's pool", through_sqlx(url, slow).await?);
            all.push(line(what(), Side::new("seawall", ours), peer, "ms", Better::Lower, None));
        }
    }
    Ok(all)
}

async fn through_seawall(url: &str, slow: &'static str, rounds: usize) -> Result<Vec<f64>> {
    let mut config = SqlConfig::default();
    config.pool.size = NonZeroUsize::MIN;
    let sql = Sql::connect(url, &config, Arc::new(())).await?;
    sql.execute(TABLE).await?;
    let mut samples = Vec::new();
    for _ in 0..rounds {
        let mut slowest: f64 = 0.0;
        for _ in 0..DROPS {
            let call = tokio::spawn({
                let sql = sql.clone();
                async move { sql.execute(slow).await }
            });
            slowest = slowest.max(milliseconds_after(call, sql.execute(NEXT)).await?);
        }
        samples.push(slowest);
    }
    Ok(samples)
}

async fn through_sqlx(url: &str, slow: &'static str) -> Result<Vec<f64>> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
    let mut samples = Vec::new();
    for _ in 0..ROUNDS_OF_SQLX {
        let call = tokio::spawn({
            let pool = pool.clone();
            async move { sqlx::query(slow).execute(&pool).await }
        });
        samples.push(milliseconds_after(call, sqlx::query(NEXT).execute(&pool)).await?);
    }
    Ok(samples)
}

/// How long the next statement takes, begun when a call that is at work is dropped.
async fn milliseconds_after<T, N, E>(
    call: JoinHandle<T>,
    next: impl IntoFuture<Output = std::result::Result<N, E>>,
) -> Result<f64>
where
    E: Error + Send + Sync + 'static,
{
    tokio::time::sleep(BEGUN).await;
    if call.is_finished() {
        return Err("the statement ended before it was dropped".into());
    }
    call.abort();
    let dropped = Instant::now();
    next.await?;
    Ok(dropped.elapsed().as_secs_f64() * 1000.0)
}
