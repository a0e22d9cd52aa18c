//! 10,000 rows into Postgres.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side};
use seawall_sql::{Sql, SqlConfig};
use sqlx::{Connection, PgConnection};
use tokio_postgres::Client;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use crate::Result;
use crate::turns::{line, turns};

pub(crate) const ROWS: i64 = 10_000;
/// Of those that are committed one by one; fewer, as each waits for the disk.
const SINGLE: i64 = 500;

pub(crate) fn row(id: i64) -> (i64, String, f64, i64) {
    (id, format!("name of {id}"), id as f64 * 0.5, id * 7919 % 1000)
}

pub(crate) async fn compare(url: &str, rounds: usize) -> Result<Vec<Comparison>> {
    let mut bare = crate::bare(url).await?;
    let mut sqlx = PgConnection::connect(url).await?;
    let seawall = Sql::connect(url, &SqlConfig::default(), Arc::new(())).await?;
    bare.batch_execute("create table many (id bigint primary key, name text, price float8, pieces bigint)")
        .await?;
    let samples = turns::<3>(rounds, async |who| {
        bare.batch_execute("truncate many").await?;
        let begun = Instant::now();
        let rows = match who {
            0 => one_by_one(&mut sqlx).await?,
            1 => copy(&mut bare).await?,
            _ => {
                seawall.insert_many("many", (0..ROWS).map(row)).await?;
                ROWS
            }
        };
        let a_second = rows as f64 / begun.elapsed().as_secs_f64();
        let (count, sum): (i64, i64) = {
            let row = bare.query_one("select count(*), sum(id)::bigint from many", &[]).await?;
            (row.get(0), row.get(1))
        };
        if (count, sum) != (rows, rows * (rows - 1) / 2) {
            return Err("not all rows are there".into());
        }
        Ok(a_second)
    })
    .await?;
    let [single, copied, ours] = samples;
    let what = || String::from("10,000 rows into Postgres");
    let subject = || Side::new("seawall, insert_many", ours.clone());
    Ok(vec![
        line(
            what(),
            subject(),
            Side::new("sqlx, row by row, autocommit", single),
            "/s",
            Better::Higher,
            Some(60.0),
        ),
        line(
            what(),
            subject(),
            Side::new("tokio-postgres, binary COPY", copied),
            "/s",
            Better::Higher,
            Some(0.9),
        ),
    ])
}

async fn one_by_one(connection: &mut PgConnection) -> Result<i64> {
    for (id, name, price, pieces) in (0..SINGLE).map(row) {
        sqlx::query("insert into many values ($1, $2, $3, $4)")
            .bind(id)
            .bind(name)
            .bind(price)
            .bind(pieces)
            .execute(&mut *connection)
            .await?;
    }
    Ok(SINGLE)
}

/// In a transaction, as ours is.
async fn copy(client: &mut Client) -> Result<i64> {
    let transaction = client.transaction().await?;
    let sink = transaction.copy_in("copy many from stdin (format binary)").await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::INT8, Type::TEXT, Type::FLOAT8, Type::INT8]));
    for (id, name, price, pieces) in (0..ROWS).map(row) {
        writer.as_mut().write(&[&id, &name, &price, &pieces]).await?;
    }
    writer.finish().await?;
    transaction.commit().await?;
    Ok(ROWS)
}
