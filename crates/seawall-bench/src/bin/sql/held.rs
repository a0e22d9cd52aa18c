//! What the whole guard costs: one task, one connection, one query after the other, beside sqlx on a connection of its
//! own. The difference is what is bounded, so it is one line beside three microseconds.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_sql::{Sql, SqlConfig};
use sqlx::{Connection, PgConnection};

use crate::Result;
use crate::turns::line;

/// How many queries a sample is: few, so that some samples are disturbed by nobody.
const QUERIES: usize = 200;
const COUNTED: usize = 1_000;

const TEXT: &str = "select id, name from point where id = $1";
const NAMED: &str = "select id, name from point where id = :id";

/// How many samples a round has of each side, in turn.
const SLICES: usize = 20;

pub(crate) fn compare(url: &str, rounds: usize) -> Result<Vec<Comparison>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut bare = runtime.block_on(PgConnection::connect(url))?;
    let seawall = runtime.block_on(seawall(url))?;
    let mut samples: [Vec<f64>; 2] = Default::default();
    for round in 0..=rounds {
        for slice in 0..2 * SLICES {
            let who = (slice + round) % 2;
            let begun = Instant::now();
            if who == 0 {
                runtime.block_on(through_sqlx(&mut bare, QUERIES))?;
            } else {
                runtime.block_on(through_seawall(&seawall, QUERIES))?;
            }
            let microseconds = begun.elapsed().as_nanos() as f64 / QUERIES as f64 / 1000.0;
            if round > 0 {
                samples[who].push(microseconds);
            }
        }
    }
    let counted = [
        allocations::count(|| runtime.block_on(through_sqlx(&mut bare, COUNTED))),
        allocations::count(|| runtime.block_on(through_seawall(&seawall, COUNTED))),
    ];
    let allocated = |who: usize| {
        let counted = counted[who].0;
        (Some(counted.count as f64 / COUNTED as f64), Some(counted.bytes as f64 / COUNTED as f64))
    };
    let side = |name: &str, who: usize| {
        let (allocations, bytes) = allocated(who);
        Side { allocations, bytes, ..Side::new(name, samples[who].clone()) }
    };
    let what = || String::from("point SELECT, one after the other on one connection");
    // Of the best, and not the best of the differences, which only tells when the peer was disturbed.
    let best = |who: usize| samples[who].iter().copied().fold(f64::INFINITY, f64::min);
    let difference = best(1) - best(0);
    Ok(vec![
        line(what(), side("seawall", 1), side("sqlx, bare connection", 0), "µs", Better::Lower, None),
        line(
            what(),
            Side::new("seawall less sqlx", vec![difference]),
            Side::new("3 µs", vec![3.0]),
            "µs",
            Better::Lower,
            Some(1.0),
        ),
    ])
}

/// A client with one connection.
pub(crate) async fn seawall(url: &str) -> Result<Sql> {
    let mut config = SqlConfig::default();
    config.pool.size = NonZeroUsize::MIN;
    Ok(Sql::connect(url, &config, Arc::new(())).await?)
}

pub(crate) async fn through_sqlx(connection: &mut PgConnection, count: usize) -> Result<()> {
    for n in 0..count as i64 {
        let row: (i64, String) = sqlx::query_as(TEXT).bind(n).fetch_one(&mut *connection).await?;
        check(n, &row)?;
    }
    Ok(())
}

pub(crate) async fn through_seawall(sql: &Sql, count: usize) -> Result<()> {
    for n in 0..count as i64 {
        let row: (i64, String) = sql.query(NAMED).bind("id", n).fetch_one().await?;
        check(n, &row)?;
    }
    Ok(())
}

fn check(id: i64, row: &(i64, String)) -> Result<()> {
    if row.0 == id && row.1.len() == 20 { Ok(()) } else { Err("a row is not what was inserted".into()) }
}
