//! 20 rows over TCP. What sqlx sends as `COPY` waits for an acknowledgement that the other side puts off.

use std::sync::Arc;
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side};
use seawall_sql::{Sql, SqlConfig};
use sqlx::postgres::PgPoolCopyExt;

use crate::Result;
use crate::bulk::row;
use crate::turns::{line, turns};

/// Loads a sample is the mean of.
const LOADS: usize = 10;
const ROWS: i64 = 20;

pub(crate) async fn compare(url: &str, rounds: usize) -> Result<Vec<Comparison>> {
    let bare = crate::bare(url).await?;
    let sqlx = sqlx::PgPool::connect(url).await?;
    let seawall = Sql::connect(url, &SqlConfig::default(), Arc::new(())).await?;
    bare.batch_execute("create table few (id bigint primary key, name text, price float8, pieces bigint)")
        .await?;
    let [copied, ours] = turns::<2>(rounds, async |who| {
        bare.batch_execute("truncate few").await?;
        let begun = Instant::now();
        for load in 0..LOADS as i64 {
            let rows = (load * ROWS..(load + 1) * ROWS).map(row);
            if who == 0 {
                let lines = rows.map(|(a, b, c, d)| format!("{a}\t{b}\t{c}\t{d}\n"));
                let text = lines.collect::<Vec<_>>().concat();
                let mut copy = sqlx.copy_in_raw("copy few from stdin").await?;
                copy.send(text.into_bytes()).await?;
                copy.finish().await?;
            } else {
                seawall.insert_many("few", rows).await?;
            }
        }
        let milliseconds = begun.elapsed().as_secs_f64() * 1000.0 / LOADS as f64;
        let count: i64 = bare.query_one("select count(*) from few", &[]).await?.get(0);
        if count != LOADS as i64 * ROWS {
            return Err("not all rows are there".into());
        }
        Ok(milliseconds)
    })
    .await?;
    let what = || String::from("20 rows into Postgres over TCP");
    Ok(vec![
        line(
            what(),
            Side::new("seawall, insert_many", ours.clone()),
            Side::new("3 ms", vec![3.0]),
            "ms",
            Better::Lower,
            Some(1.0),
        ),
        line(
            what(),
            Side::new("seawall, insert_many", ours),
            Side::new("sqlx, COPY", copied),
            "ms",
            Better::Lower,
            None,
        ),
    ])
}
