//! 10,000 rows into an SQLite file with a write-ahead log.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, params};
use seawall_bench::{Better, Comparison, Side};
use seawall_sql::{Sql, SqlConfig};

use crate::Result;
use crate::bulk::{ROWS, row};
use crate::turns::{line, turns};

const TABLE: &str = "create table many (id integer primary key, name text, price real, pieces integer)";

pub(crate) async fn compare(rounds: usize) -> Result<Vec<Comparison>> {
    let folder = tempfile::tempdir()?;
    let mut peer = Connection::open(folder.path().join("peer.db"))?;
    peer.pragma_update(None, "journal_mode", "wal")?;
    peer.pragma_update(None, "synchronous", "normal")?;
    peer.execute(TABLE, [])?;
    let url = format!("sqlite://{}/ours.db", folder.path().display());
    let seawall = Sql::connect(&url, &SqlConfig::default(), Arc::new(())).await?;
    seawall.execute(TABLE).await?;
    let [theirs, ours] = turns::<2>(rounds, async |who| {
        peer.execute("delete from many", [])?;
        seawall.execute("delete from many").await?;
        let begun = Instant::now();
        if who == 0 {
            prepared(&mut peer)?;
        } else {
            seawall.insert_many("many", (0..ROWS).map(row)).await?;
        }
        let a_second = ROWS as f64 / begun.elapsed().as_secs_f64();
        let count = "select count(*) from many";
        let there: i64 = if who == 0 {
            peer.query_row(count, [], |row| row.get(0))?
        } else {
            seawall.query(count).fetch_one::<(i64,)>().await?.0
        };
        if there == ROWS { Ok(a_second) } else { Err("not all rows are there".into()) }
    })
    .await?;
    Ok(vec![line(
        String::from("10,000 rows into SQLite, WAL"),
        Side::new("seawall, insert_many", ours),
        Side::new("rusqlite, prepared, one transaction", theirs),
        "/s",
        Better::Higher,
        Some(0.6),
    )])
}

fn prepared(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare_cached("insert into many values (?, ?, ?, ?)")?;
    for (id, name, price, pieces) in (0..ROWS).map(row) {
        insert.execute(params![id, name, price, pieces])?;
    }
    drop(insert);
    transaction.commit()?;
    Ok(())
}
