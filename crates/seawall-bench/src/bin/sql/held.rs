//! What the whole guard costs: one task, one connection, one query after the other, beside sqlx on a connection of its
//! own. The difference is what is bounded, so it is one line beside three microseconds.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_sql::{Sql, SqlConfig};
use sqlx::{Connection, PgConnection};
use tokio::runtime::Runtime;

use crate::Result;
use crate::place::{Place, Placed};
use crate::turns::line;

/// How many queries a sample is: few, so that some samples are disturbed by nobody.
const QUERIES: usize = 200;
const COUNTED: usize = 1_000;

/// Asks for the process that serves a connection.
const BACKEND: &str = "select pg_backend_pid()";

const TEXT: &str = "select id, name from point where id = $1";
const NAMED: &str = "select id, name from point where id = :id";

/// How many samples a round has of each side, in turn.
const SLICES: usize = 20;

pub(crate) fn compare(url: &str, rounds: usize) -> Result<Vec<Comparison>> {
    let mut both = Both::connect(url)?;
    let mut all = Vec::new();
    let places = [
        ("its server on the same processor", Place::Shared, Some(1.0)),
        // For the record: the best of two sleepers is the one that was woken sooner.
        ("its server on another", Place::Apart, None),
    ];
    for (name, place, goal) in places {
        let _placed = Placed::new(place, &both.servers)?;
        let [theirs, ours] = both.measure(rounds)?;
        let what = || format!("point SELECT, one after the other on one connection, {name}");
        // Of the best, and not the best of the differences, which only tells when the peer was disturbed.
        let best = |side: &Side| side.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let difference = Side::new("seawall less sqlx", vec![best(&ours) - best(&theirs)]);
        let bound = Side::new("3 µs", vec![3.0]);
        all.push(line(what(), ours, theirs, "µs", Better::Lower, None));
        all.push(line(what(), difference, bound, "µs", Better::Lower, goal));
    }
    Ok(all)
}

/// Who is measured, on one thread.
struct Both {
    runtime: Runtime,
    bare: PgConnection,
    seawall: Sql,
    /// The processes that serve them.
    servers: [i32; 2],
}

impl Both {
    fn connect(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut bare = runtime.block_on(PgConnection::connect(url))?;
        let seawall = runtime.block_on(seawall(url))?;
        let theirs = runtime.block_on(sqlx::query_scalar(BACKEND).fetch_one(&mut bare))?;
        let (ours,) = runtime.block_on(seawall.query(BACKEND).fetch_one())?;
        Ok(Self { runtime, bare, seawall, servers: [theirs, ours] })
    }

    fn measure(&mut self, rounds: usize) -> Result<[Side; 2]> {
        let mut sides = [Side::new("sqlx, bare connection", Vec::new()), Side::new("seawall", Vec::new())];
        for round in 0..=rounds {
            for slice in 0..2 * SLICES {
                let who = (slice + round) % 2;
                let begun = Instant::now();
                self.query(who, QUERIES)?;
                let microseconds = begun.elapsed().as_nanos() as f64 / QUERIES as f64 / 1000.0;
                if round > 0 {
                    sides[who].samples.push(microseconds);
                }
            }
        }
        for (who, side) in sides.iter_mut().enumerate() {
            let (counted, result) = allocations::count(|| self.query(who, COUNTED));
            result?;
            side.allocations = Some(counted.count as f64 / COUNTED as f64);
            side.bytes = Some(counted.bytes as f64 / COUNTED as f64);
        }
        Ok(sides)
    }

    fn query(&mut self, who: usize, count: usize) -> Result<()> {
        if who == 0 {
            self.runtime.block_on(through_sqlx(&mut self.bare, count))
        } else {
            self.runtime.block_on(through_seawall(&self.seawall, count))
        }
    }
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
