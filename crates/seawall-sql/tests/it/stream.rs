use futures_util::StreamExt;
use seawall_core::FailureKind;

use crate::support::{connect_with, on_every_database};

/// So many numbers from 1 on. MariaDB ends a recursion after a thousand steps.
fn numbers(url: &str) -> &'static str {
    if url.starts_with("mysql") {
        "select seq from seq_1_to_2000000000 where seq <= :many"
    } else {
        "with recursive r(n) as (select 0 union all select n + 1 from r where n < :many) select n from r where n > 0"
    }
}

on_every_database! {
    async fn a_stream_brings_every_row_in_order(url: &str) {
        let sql = connect_with(url, |_| {}).await;
        for many in [0, 1, 63, 64, 65, 10_000] {
            let mut rows = sql.query(numbers(url)).bind("many", many).stream().await.unwrap();
            let mut expected = 0;
            while let Some(row) = rows.next().await {
                expected += 1;
                assert_eq!(row.unwrap().get::<i64>(0).unwrap(), expected);
            }
            assert_eq!(expected, many);
        }
        assert_eq!(sql.stats().unwrap().writer.destroyed, 0);
    }

    async fn a_stream_that_is_dropped_stops_its_statement(url: &str) {
        let sql = connect_with(url, |config| config.pool.size = std::num::NonZeroUsize::MIN).await;
        let mut rows = sql.query(numbers(url)).bind("many", 2_000_000_000).stream().await.unwrap();
        rows.next().await.unwrap().unwrap();
        drop(rows);
        // There is one connection that reads: it can only be a new one.
        sql.query("select 1").fetch_one::<(i64,)>().await.unwrap();
        let stats = sql.stats().unwrap();
        assert_eq!(stats.readers.unwrap_or(stats.writer).destroyed, 1);
    }

    async fn an_error_in_the_middle_comes_out_of_the_stream(url: &str) {
        let sql = connect_with(url, |_| {}).await;
        sql.execute("create table t (n integer, big numeric)").await.unwrap();
        let failing = if url.starts_with("sqlite") {
            "with recursive r(n) as (select 1 union all select n + 1 from r) select n, abs(-9223372036854775807 - (n > 500)) from r"
        } else if url.starts_with("mysql") {
            "select seq, 18446744073709551000 + seq from seq_1_to_1000"
        } else {
            "select n, 1 / (500 - n) from generate_series(1, 1000) n"
        };
        let mut rows = sql.query(failing).stream().await.unwrap();
        let mut seen = 0;
        let error = loop {
            match rows.next().await.expect("the statement fails before its end") {
                Ok(_) => seen += 1,
                Err(error) => break error,
            }
        };
        assert!(seen > 0);
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(rows.next().await.is_none());
    }

    async fn a_stream_ends_with_its_callers_deadline(url: &str) {
        let sql = connect_with(url, |_| {}).await;
        let mut time = std::time::Duration::from_millis(200);
        let mut rows = loop {
            let rows = sql.query(numbers(url)).bind("many", 2_000_000_000).stream();
            match crate::support::within(time).scope(rows).await {
                Ok(rows) => break rows,
                // The machine stood still until the deadline.
                Err(error) => assert!(time.as_secs() < 60, "{error}"),
            }
            time *= 5;
        };
        let error = loop {
            if let Err(error) = rows.next().await.expect("two thousand million rows take longer") {
                break error;
            }
        };
        assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
    }
}
