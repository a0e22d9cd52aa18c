use seawall_core::FailureKind;
use seawall_sql::ColumnType::{Boolean, Integer, Real, Text, Timestamp};
use seawall_sql::{Cell, Row, RowBatch};

use crate::support::{batch, connect, count, on_every_database, table};

on_every_database! {
    async fn every_kind_of_cell_arrives(url: &str) {
        let sql = connect(url).await;
        let target = table("t", &[("i", Integer), ("b", Boolean), ("r", Real), ("t", Text), ("w", Timestamp)]);
        sql.create_table(&target).await.unwrap();
        // Few rows and many go different ways on Postgres.
        for rows in [1, 3, 9000] {
            let mut rows_in = RowBatch::new(5);
            for number in 0..rows {
                rows_in.push(Cell::Integer(i64::MIN + number));
                rows_in.push(Cell::Boolean(number % 2 == 0));
                rows_in.push(Cell::Real(0.1 + number as f64));
                rows_in.push(Cell::Text("tab\t, newline\n, \\back\\slash, \\N, 'quote', é"));
                rows_in.push(if number % 3 == 0 { Cell::Null } else { Cell::Text("2024-02-29T12:00:00+02:00") });
            }
            let mut transaction = sql.begin().await.unwrap();
            let loaded = transaction.bulk_insert(&target, &rows_in).await.unwrap();
            transaction.commit().await.unwrap();
            assert_eq!((loaded.rows, loaded.rejected), (rows as u64, vec![]));
            let found: Vec<Row> = sql.query("select i, b, r, t, w is null from t order by i").fetch_all().await.unwrap();
            assert_eq!(found.len(), rows as usize);
            for (number, row) in (0..rows).zip(&found) {
                assert_eq!(row.get::<i64>(0).unwrap(), i64::MIN + number);
                assert_eq!(row.get::<bool>(1).unwrap(), number % 2 == 0);
                assert_eq!(row.get::<f64>(2).unwrap().to_bits(), (0.1 + number as f64).to_bits());
                assert_eq!(row.get::<String>(3).unwrap(), "tab\t, newline\n, \\back\\slash, \\N, 'quote', é");
                assert_eq!(row.get::<bool>(4).unwrap(), number % 3 == 0);
            }
            sql.execute("delete from t").await.unwrap();
        }
    }

    async fn rows_that_the_database_refuses_are_left_out_and_named(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key, word text not null check (length(word) < 9))").await.unwrap();
        let target = sql.table("t").await.unwrap().unwrap();
        for rows in [40_usize, 5000] {
            let bad = [0, 7, 8, rows / 2, rows - 1];
            let mut rows_in = RowBatch::new(2);
            for row in 0..rows {
                rows_in.push(Cell::Integer(if row == 7 { 1 } else { i64::try_from(row).unwrap() }));
                rows_in.push(match row {
                    0 => Cell::Null,
                    8 => Cell::Text("much too long"),
                    row if row == rows / 2 || row == rows - 1 => Cell::Text("very long"),
                    _ => Cell::Text("fine"),
                });
            }
            let mut transaction = sql.begin().await.unwrap();
            let loaded = transaction.bulk_insert(&target, &rows_in).await.unwrap();
            transaction.commit().await.unwrap();
            let rejected: Vec<_> = loaded.rejected.iter().map(|rejected| rejected.row).collect();
            assert_eq!(rejected, bad);
            assert!(loaded.rejected[0].reason.contains("word"), "{:?}", loaded.rejected[0]);
            assert_eq!(loaded.rows as usize, rows - bad.len());
            assert_eq!(count(&sql, "t").await as usize, rows - bad.len());
            sql.execute("delete from t").await.unwrap();
        }
    }

    async fn a_batch_of_nothing_but_bad_rows_is_rejected_whole(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table t (id integer primary key)").await.unwrap();
        sql.execute("insert into t values (1)").await.unwrap();
        let target = sql.table("t").await.unwrap().unwrap();
        let mut transaction = sql.begin().await.unwrap();
        let loaded = transaction.bulk_insert(&target, &batch(1, &vec![Cell::Integer(1); 700])).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!((loaded.rows, loaded.rejected.len()), (0, 700));
        assert_eq!(count(&sql, "t").await, 1);
    }

    async fn an_empty_batch_is_loaded_by_doing_nothing(url: &str) {
        let sql = connect(url).await;
        let target = table("not_even_there", &[("a", Integer)]);
        let mut transaction = sql.begin().await.unwrap();
        assert_eq!(transaction.bulk_insert(&target, &batch(1, &[])).await.unwrap().rows, 0);
        transaction.commit().await.unwrap();
    }

    async fn what_is_not_about_a_row_fails_at_once(url: &str) {
        let sql = connect(url).await;
        let target = table("nowhere", &[("a", Integer)]);
        let mut transaction = sql.begin().await.unwrap();
        let error = transaction.bulk_insert(&target, &batch(1, &vec![Cell::Integer(1); 2600])).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains("nowhere"), "{error}");
        assert!(transaction.commit().await.unwrap_err().to_string().contains("only be rolled back"));
        let mut transaction = sql.begin().await.unwrap();
        let error = transaction.bulk_insert(&target, &batch(2, &[Cell::Null, Cell::Null])).await.unwrap_err();
        assert!(error.to_string().contains("2 cells and the table `nowhere` has 1 columns"), "{error}");
    }
}

#[tokio::test]
async fn sqlite_undoing_the_whole_transaction_ends_the_load() {
    let sql = connect("sqlite::memory:").await;
    sql.execute("create table t (id integer unique on conflict rollback)").await.unwrap();
    let target = sql.table("t").await.unwrap().unwrap();
    let mut transaction = sql.begin().await.unwrap();
    let cells = [Cell::Integer(1), Cell::Integer(1), Cell::Integer(2)];
    let error = transaction.bulk_insert(&target, &batch(1, &cells)).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    drop(transaction);
    assert_eq!(count(&sql, "t").await, 0);
}

#[tokio::test]
async fn rows_kept_by_on_conflict_fail_are_not_counted_twice() {
    let sql = connect("sqlite::memory:").await;
    sql.execute("create table t (id integer unique on conflict fail)").await.unwrap();
    let target = sql.table("t").await.unwrap().unwrap();
    let mut transaction = sql.begin().await.unwrap();
    let cells = [Cell::Integer(1), Cell::Integer(2), Cell::Integer(2), Cell::Integer(3)];
    let loaded = transaction.bulk_insert(&target, &batch(1, &cells)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((loaded.rows, loaded.rejected.len(), loaded.rejected[0].row), (3, 1, 2));
    assert_eq!(count(&sql, "t").await, 3);
}

/// A full disk is SQLite's page limit here.
#[tokio::test]
async fn a_full_disk_fails_at_once_and_says_so() {
    let sql = connect("sqlite::memory:").await;
    let target = table("t", &[("a", Text)]);
    sql.create_table(&target).await.unwrap();
    let mut transaction = sql.begin().await.unwrap();
    transaction.execute("pragma max_page_count = 8").await.unwrap();
    let text = "x".repeat(1000);
    let error = transaction.bulk_insert(&target, &batch(1, &vec![Cell::Text(&text); 500])).await.unwrap_err();
    assert!(error.to_string().contains("make room on the disk"), "{error}");
}

/// Both forms of COPY, told by what the columns store: the same rows arrive.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn many_rows_arrive_the_same_in_either_form_of_copy() {
    let sql = connect(&seawall_testkit::servers::postgres_url().unwrap()).await;
    let target = table("t", &[("a \"b\"", Integer), ("c", Text), ("d", Real), ("e", Boolean)]);
    let mut rows = RowBatch::new(4);
    for number in 0..5_000_i64 {
        rows.push(if number % 7 == 0 { Cell::Null } else { Cell::Integer(number - 2_500) });
        rows.push(Cell::Text(["", "\\N", "tab\tline\nend\\.", "grüße, 世界"][number as usize % 4]));
        rows.push(Cell::Real([0.1, -0.0, 1e300, 5e-324][number as usize % 4]));
        rows.push(if number % 5 == 0 { Cell::Null } else { Cell::Boolean(number % 2 == 0) });
    }
    let sum = "select md5(string_agg(r::text, '|' order by r::text)) from \"t\" r";
    let mut sums = Vec::new();
    // `int` takes the same numbers, but not in eight bytes.
    for first in ["bigint", "int"] {
        let made = format!("create table t (\"a \"\"b\"\"\" {first}, c text, d double precision, e boolean)");
        sql.query(&made).execute().await.unwrap();
        let mut transaction = sql.begin().await.unwrap();
        assert_eq!(transaction.bulk_insert(&target, &rows).await.unwrap().rows, 5_000);
        transaction.commit().await.unwrap();
        let (digest,): (String,) = sql.query(sum).fetch_one().await.unwrap();
        sums.push(digest);
        sql.query("drop table t").execute().await.unwrap();
    }
    assert_eq!(sums[0], sums[1]);
}
