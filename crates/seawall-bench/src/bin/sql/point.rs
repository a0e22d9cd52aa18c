//! SELECTs by primary key by many tasks at once, each with the defaults that its users get, and as many connections.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime};
use seawall_bench::{Better, Comparison, Side};
use seawall_sql::{Sql, SqlConfig};
use sqlx::postgres::PgPoolOptions;

use crate::Result;
use crate::turns::{line, turns};

const TASKS: [usize; 2] = [16, 64];
const CONNECTIONS: usize = 16;
const ROWS: i64 = 10_000;
/// How many a sample is.
const QUERIES: usize = 12_000;

const NAMES: [&str; 3] = ["sqlx, its pool", "deadpool-postgres, fast recycling", "seawall"];
const SQLX: usize = 0;
const DEADPOOL: usize = 1;
const SEAWALL: usize = 2;

/// Who is measured.
#[derive(Clone)]
pub(crate) enum Client {
    Sqlx(sqlx::PgPool),
    Deadpool(deadpool_postgres::Pool),
    Seawall(Sql),
}

impl Client {
    pub(crate) async fn all(url: &str) -> Result<[Self; 3]> {
        let sqlx = PgPoolOptions::new().max_connections(CONNECTIONS as u32).connect(url).await?;
        let manager = Manager::from_config(
            url.parse()?,
            tokio_postgres::NoTls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let deadpool = deadpool_postgres::Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .build()?;
        let mut config = SqlConfig::default();
        config.pool.size = NonZeroUsize::new(CONNECTIONS).expect("sixteen");
        let seawall = Sql::connect(url, &config, Arc::new(())).await?;
        Ok([Self::Sqlx(sqlx), Self::Deadpool(deadpool), Self::Seawall(seawall)])
    }

    /// Reads as many rows, and says how long their names are.
    async fn selects(&self, from: i64, count: usize) -> Result<usize> {
        let mut length = 0;
        for n in 0..count as i64 {
            let id = (from + n * 7919) % ROWS;
            let (_, name): (i64, String) = match self {
                Self::Sqlx(pool) => {
                    sqlx::query_as("select id, name from point where id = $1")
                        .bind(id)
                        .fetch_one(pool)
                        .await?
                }
                Self::Deadpool(pool) => {
                    let client = pool.get().await?;
                    let statement = client.prepare_cached("select id, name from point where id = $1").await?;
                    let row = client.query_one(&statement, &[&id]).await?;
                    (row.get(0), row.get(1))
                }
                Self::Seawall(sql) => {
                    let query = sql.query("select id, name from point where id = :id");
                    query.bind("id", id).fetch_one().await?
                }
            };
            length += name.len();
        }
        Ok(length)
    }
}

/// Makes the table that is read.
pub(crate) async fn fill(url: &str) -> Result<()> {
    let bare = crate::bare(url).await?;
    bare.batch_execute(
        "create table point (id bigint primary key, name text not null);
         insert into point select n, lpad(n::text, 20, 'x') from generate_series(0, 9999) n;
         analyze point",
    )
    .await?;
    Ok(())
}

pub(crate) async fn compare(url: &str, rounds: usize) -> Result<Vec<Comparison>> {
    let clients = Client::all(url).await?;
    let mut comparisons = Vec::new();
    for tasks in TASKS {
        let mut samples =
            turns::<3>(rounds, async |who| measure(&clients[who], tasks, QUERIES / tasks).await).await?;
        let side = |who: usize, samples: &mut [Vec<f64>; 3]| Side::new(NAMES[who], samples[who].clone());
        for (peer, goal) in [(SQLX, 2.0), (DEADPOOL, 0.95)] {
            comparisons.push(line(
                format!("point SELECT, {tasks} tasks, {CONNECTIONS} connections"),
                side(SEAWALL, &mut samples),
                side(peer, &mut samples),
                "/s",
                Better::Higher,
                Some(goal),
            ));
        }
    }
    Ok(comparisons)
}

pub(crate) async fn measure(client: &Client, tasks: usize, queries: usize) -> Result<f64> {
    let begun = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let client = client.clone();
            tokio::spawn(async move { client.selects(task as i64 * 101, queries).await })
        })
        .collect();
    for task in running {
        if task.await?? != queries * 20 {
            return Err("a name is not what was inserted".into());
        }
    }
    Ok((tasks * queries) as f64 / begun.elapsed().as_secs_f64())
}
