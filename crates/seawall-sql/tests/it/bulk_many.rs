//! `insert_many`, `upsert_many`, `update_many` and `delete_many`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use seawall_core::{CallContext, Error, FailureKind};
use seawall_sql::{BulkProgress, Cell, Row, RowBatch, Sql, ToRow, Value, is_unique_violation, refused_row};

use crate::support::{connect, count, on_every_database};

async fn people(sql: &Sql) {
    sql.execute("create table person (id integer primary key, name varchar(40) not null, age integer)")
        .await
        .unwrap();
}

async fn everybody(sql: &Sql) -> Vec<(i64, String, Option<i64>)> {
    sql.query("select id, name, age from person order by id").fetch_all().await.unwrap()
}

fn named(id: i64) -> (i64, String, Option<i64>) {
    (id, format!("person {id}"), (id % 3 != 0).then_some(id % 100))
}

/// Bytes, as the database calls them.
fn blob(url: &str) -> &'static str {
    if url.starts_with("postgres") { "bytea" } else { "blob" }
}

on_every_database! {
    async fn few_rows_and_many_arrive_as_they_are(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        for many in [0, 1, 3, 2000, 2001, 9_000, 25_001] {
            let report = sql.insert_many("person", (0..many).map(named)).await.unwrap();
            assert_eq!((report.rows, report.changed), (many as u64, many as u64));
            assert_eq!(report.chunks, (many as u64).div_ceil(10_000));
            assert_eq!(everybody(&sql).await, (0..many).map(named).collect::<Vec<_>>());
            sql.execute("delete from person").await.unwrap();
        }
        assert_eq!(sql.stats().unwrap().writer.destroyed, 0);
    }

    async fn every_kind_of_cell_arrives_by_every_path(url: &str) {
        let sql = connect(url).await;
        let moment = if url.starts_with("mysql") { "datetime(6)" } else { "timestamp" };
        let text = format!(
            "create table t (i bigint primary key, s smallint, b boolean, r double precision, t text, n numeric(12,3), \
             d date, m {moment}, x {})", blob(url)
        );
        sql.query(&text).execute().await.unwrap();
        let bytes: Vec<u8> = (0..=255).collect();
        let value = |number: i64| {
            let text = ["", "\\N", "tab\tline\nend\\.", "grüße, 'quoted' \"too\" :name ? $1"][number as usize % 4];
            let null = number % 7 == 3;
            let or_null = |value: Value| if null { Value::Null } else { value };
            vec![
                Value::Integer(i64::MIN + number),
                or_null(Value::Integer(number % 100 - 50)),
                or_null(Value::Bool(number % 2 == 0)),
                or_null(Value::Real([0.1, -0.0, 1e300, 5e-324][number as usize % 4])),
                or_null(text.into()),
                or_null("12345.678".into()),
                or_null("2024-02-29".into()),
                or_null("2024-02-29 12:00:00.5".into()),
                or_null(bytes.clone().into()),
            ]
        };
        // `COPY` takes the columns that it can store as they are in another form than those that it cannot.
        let narrow = ["i", "b", "r", "t", "x"];
        for (many, all) in [(5, true), (3000, true), (5, false), (3000, false)] {
            let rows = (0..many).map(|number| {
                let mut row = value(number);
                if !all {
                    row = [0, 2, 3, 4, 8].map(|place| row[place].clone()).to_vec();
                }
                row
            });
            let insert = sql.insert_many("t", rows);
            let report = if all { insert.await } else { insert.columns(narrow).await };
            assert_eq!(report.unwrap().rows, many as u64);
            let found: Vec<Row> = sql.query("select * from t order by i").fetch_all().await.unwrap();
            assert_eq!(found.len(), many as usize);
            for (number, row) in (0..many).zip(&found) {
                let sent = value(number);
                assert_eq!(row.get::<i64>("i").unwrap(), i64::MIN + number);
                if number % 7 == 3 {
                    assert!(row.values()[1..].iter().all(|value| *value == Value::Null), "{row:?}");
                    continue;
                }
                assert_eq!(row.get::<bool>("b").unwrap(), number % 2 == 0);
                let Value::Real(real) = sent[3] else { unreachable!() };
                // SQLite and MariaDB have no negative zero.
                let found = row.get::<f64>("r").unwrap();
                assert!(found.to_bits() == real.to_bits() || (real == 0.0 && found == 0.0), "{number}: {found}");
                assert_eq!(row.value("t"), Some(&sent[4]));
                assert_eq!(row.get::<Vec<u8>>("x").unwrap(), bytes);
                if all {
                    assert_eq!(row.get::<i64>("s").unwrap(), number % 100 - 50);
                    match row.value("n").unwrap() {
                        Value::Text(text) => assert_eq!(text, "12345.678"),
                        other => assert_eq!(*other, Value::Real(12345.678)),
                    }
                    assert_eq!(row.get::<String>("d").unwrap(), "2024-02-29");
                    assert_eq!(row.get::<String>("m").unwrap().replace('T', " "), "2024-02-29 12:00:00.5");
                }
            }
            sql.execute("delete from t").await.unwrap();
        }
    }

    async fn rows_come_from_whatever_yields_them(url: &str) {
        struct Person { id: i64, name: &'static str }
        impl ToRow for Person {
            fn to_row(&self, row: &mut RowBatch) {
                (self.id, self.name).to_row(row);
            }
        }
        let sql = connect(url).await;
        people(&sql).await;
        let insert = ["id", "name"];
        let list = vec![(1, "of a list"), (2, "of a list")];
        sql.insert_many("person", &list).columns(insert).await.unwrap();
        sql.insert_many("person", [Person { id: 3, name: "of a type" }]).columns(insert).await.unwrap();
        sql.insert_many("person", stream::iter([(4, "of a stream")])).columns(insert).await.unwrap();
        let fallible = stream::iter([Ok::<_, std::io::Error>((5, String::from("of one that may fail")))]);
        sql.insert_many("person", fallible).columns(insert).await.unwrap();
        let mut batch = RowBatch::new(2);
        batch.push(Cell::Integer(6));
        batch.push(Cell::Text("of a batch"));
        sql.insert_many("person", &batch).columns(insert).await.unwrap();
        let rows: Vec<Row> = sql.query("select id + 100, name, age from person order by id").fetch_all().await.unwrap();
        let known = sql.table("person").await.unwrap().unwrap();
        sql.insert_many(&known, rows).await.unwrap();
        let found = everybody(&sql).await;
        assert_eq!(found.len(), 12);
        assert_eq!(found[5], (6, "of a batch".into(), None));
        assert_eq!(found[8], (103, "of a type".into(), None));
    }

    async fn a_row_that_is_refused_is_named_and_nothing_is_changed(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        for (many, bad) in [(50, 17), (5_000, 3_210), (25_000, 21_007)] {
            let rows = (0..many).map(|id| (id, (id != bad).then(|| format!("person {id}")), 1));
            let progress = Arc::new(BulkProgress::default());
            let error = sql.insert_many("person", rows).progress(Arc::clone(&progress)).await.unwrap_err();
            assert_eq!(refused_row(&error), Some(bad as u64), "{error}");
            assert_eq!((error.kind(), error.may_have_executed()), (FailureKind::Permanent, false));
            assert!(error.to_string().contains(&format!("nothing was changed: row {bad} (from 0) was refused: ")), "{error}");
            assert_eq!(count(&sql, "person").await, 0);
            assert_eq!(progress.snapshot().committed, 0);
        }
        let twice = sql.insert_many("person", [named(1), named(2), named(1)]).await.unwrap_err();
        assert!(is_unique_violation(&twice));
        assert_eq!(refused_row(&twice), Some(2));
        assert_eq!(sql.stats().unwrap().writer.destroyed, 0);
    }

    async fn committing_each_chunk_leaves_out_what_is_refused_and_says_so(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let bad = [0_i64, 999, 1_000, 2_500, 4_999];
        let rows = || (0..5_000).map(|id| (id, (!bad.contains(&id)).then(|| format!("person {id}")), 1));
        let progress = Arc::new(BulkProgress::default());
        let insert = sql.insert_many("person", rows()).commit_each_chunk().chunk_rows(1_000);
        let report = insert.progress(Arc::clone(&progress)).await.unwrap();
        assert_eq!(report.rejected.iter().map(|row| i64::try_from(row.row).unwrap()).collect::<Vec<_>>(), bad);
        assert!(report.rejected[0].reason.contains("name"), "{:?}", report.rejected[0]);
        assert_eq!((report.rows, report.changed, report.chunks), (4_995, 4_995, 5));
        let counted = progress.snapshot();
        assert_eq!((counted.rows, counted.committed, counted.rejected), (4_995, 4_995, 5));
        assert_eq!(count(&sql, "person").await, 4_995);

        // All are refused now: it stops, and says how it began.
        sql.execute("delete from person where id >= 1000").await.unwrap();
        let insert = sql.insert_many("person", rows()).commit_each_chunk().chunk_rows(100);
        let error = insert.max_rejected(50).await.unwrap_err();
        assert!(error.to_string().contains("more than 50 rows were refused, the first of them row 0 (from 0)"), "{error}");
        assert_eq!(count(&sql, "person").await, 998);
    }

    async fn an_upsert_inserts_what_is_new_and_updates_what_is_there(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        sql.insert_many("person", (0..3_000).map(named)).await.unwrap();
        let rows = (2_000..5_000).map(|id| (id, format!("renamed {id}"), 7));
        let report = sql.upsert_many("person", &["id"], rows).await.unwrap();
        assert_eq!((report.rows, report.changed), (3_000, 3_000));
        let found = everybody(&sql).await;
        assert_eq!(found.len(), 5_000);
        assert_eq!(found[1_999], named(1_999));
        assert_eq!(found[2_000], (2_000, "renamed 2000".into(), Some(7)));
        assert_eq!(found[4_999], (4_999, "renamed 4999".into(), Some(7)));

        let some = sql.upsert_many("person", &["id"], [(1, "only the name", 99), (6_000, "new", 99)]).update(["name"]);
        some.await.unwrap();
        let none: [&str; 0] = [];
        sql.upsert_many("person", &["id"], [(2, "not this", 99), (6_001, "new", 99)]).update(none).await.unwrap();
        let found = everybody(&sql).await;
        assert_eq!(found[1], (1, "only the name".into(), Some(1)));
        assert_eq!(found[2], named(2));
        assert_eq!((found[5_000].0, found[5_001].0), (6_000, 6_001));
    }

    async fn of_several_rows_with_one_key_the_last_counts(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let rows = (0..300).map(|number| (number % 100, format!("person {number}"), number));
        sql.upsert_many("person", &["id"], rows).await.unwrap();
        let found = everybody(&sql).await;
        assert_eq!(found.len(), 100);
        assert_eq!(found[7], (7, "person 207".into(), Some(207)));
    }

    async fn an_update_changes_the_rows_of_its_keys(url: &str) {
        let sql = connect(url).await;
        sql.execute("create table stock (shop integer, item varchar(20), pieces integer, note text, primary key (shop, item))").await.unwrap();
        let all = (0..3_000).map(|number| (number % 10, format!("item {}", number / 10), number, None::<&str>));
        sql.insert_many("stock", all).await.unwrap();
        let changes = (0..2_000).map(|number| (number % 10, format!("item {}", number / 10), None::<i64>, Some("sold out")));
        let missing = [(77, String::from("nowhere"), Some(1), None)];
        let report = sql.update_many("stock", &["shop", "item"], changes.chain(missing)).await.unwrap();
        assert_eq!((report.rows, report.changed), (2_001, 2_000));
        assert_eq!(count(&sql, "stock where pieces is null and note = 'sold out'").await, 2_000);
        assert_eq!(count(&sql, "stock where pieces >= 2000 and note is null").await, 1_000);

        let report = sql.update_many("stock", &["shop", "item"], [(3, "item 5", "back")]).columns(["shop", "item", "note"]).await;
        assert_eq!(report.unwrap().changed, 1);
        assert_eq!(count(&sql, "stock where note = 'back' and pieces is null").await, 1);
    }

    async fn a_delete_removes_the_rows_of_its_keys(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        sql.insert_many("person", (0..5_000).map(named)).await.unwrap();
        let report = sql.delete_many("person", &["id"], (4_000..7_000).map(|id| (id,))).await.unwrap();
        assert_eq!((report.rows, report.changed), (3_000, 1_000));
        let report = sql.delete_many("person", &["name", "id"], [("person 1", 1), ("person 2", 3)]).await.unwrap();
        assert_eq!(report.changed, 1);
        assert_eq!(count(&sql, "person").await, 3_999);
    }

    async fn within_a_transaction_it_is_undone_with_it_and_fails_alone(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let mut tx = sql.begin().await.unwrap();
        tx.insert_many("person", (0..12_000).map(named)).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(count(&sql, "person").await, 0);

        let mut tx = sql.begin().await.unwrap();
        tx.execute("insert into person values (1, 'first', 1)").await.unwrap();
        let error = tx.insert_many("person", (5..20_000).chain([1]).map(named)).await.unwrap_err();
        assert_eq!(refused_row(&error), Some(19_995), "{error}");
        tx.upsert_many("person", &["id"], [named(2)]).await.unwrap();
        tx.update_many("person", &["id"], [(2, "second")]).columns(["id", "name"]).await.unwrap();
        tx.delete_many("person", &["id"], [[3]]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(everybody(&sql).await, [(1, "first".into(), Some(1)), (2, "second".into(), Some(2))]);
    }

    async fn a_stream_is_not_asked_for_more_than_two_chunks_ahead(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let asked = Arc::new(AtomicUsize::new(0));
        let progress = Arc::new(BulkProgress::default());
        let (count_up, seen) = (Arc::clone(&asked), Arc::clone(&progress));
        let rows = stream::iter(0..5_000).map(move |id| {
            let asked = count_up.fetch_add(1, Ordering::Relaxed) as u64;
            let there = seen.snapshot().rows;
            assert!(asked - there < 1_000, "{asked} rows taken and {there} sent");
            named(id)
        });
        let report = sql.insert_many("person", rows).chunk_rows(500).progress(Arc::clone(&progress)).await.unwrap();
        assert_eq!((report.rows, report.chunks), (5_000, 10));
        assert_eq!((progress.snapshot().rows, progress.snapshot().committed), (5_000, 5_000));
    }

    async fn small_chunks_in_bytes_are_small(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let report = sql.insert_many("person", (0..100).map(named)).chunk_bytes(1_000).await.unwrap();
        assert!((5..=20).contains(&report.chunks), "{}", report.chunks);
        assert_eq!(count(&sql, "person").await, 100);
    }

    async fn a_stream_that_fails_undoes_everything(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let failing = || stream::iter((0..2_500).map(|id| if id == 2_300 { Err(std::io::Error::other("the file ends early")) } else { Ok(named(id)) }));
        let error = sql.insert_many("person", failing()).chunk_rows(1_000).await.unwrap_err();
        assert!(error.to_string().contains("the file ends early"), "{error}");
        assert_eq!(count(&sql, "person").await, 0);

        let error = sql.insert_many("person", failing()).chunk_rows(1_000).commit_each_chunk().await.unwrap_err();
        assert!(error.to_string().contains("2000 rows were committed before"), "{error}");
        assert!(error.may_have_executed());
        assert_eq!(count(&sql, "person").await, 2_000);
    }

    async fn dropped_half_way_it_leaves_nothing(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let progress = Arc::new(BulkProgress::default());
        // The rows end in a wait for ever, after two chunks.
        let rows = stream::iter((0..4_000).map(named)).chain(stream::pending());
        let insert = sql.insert_many("person", rows).chunk_rows(2_000).progress(Arc::clone(&progress));
        let insert = tokio::time::timeout(Duration::from_mins(1), async {
            tokio::select! {
                _ = insert.into_future() => unreachable!("the rows never end"),
                () = async {
                    while progress.snapshot().rows < 4_000 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                } => {}
            }
        });
        insert.await.unwrap();
        assert_eq!(count(&sql, "person").await, 0);
        sql.insert_many("person", (0..10).map(named)).await.unwrap();
        assert_eq!(count(&sql, "person").await, 10);
        assert_eq!(progress.snapshot().committed, 0);
    }

    async fn whenever_it_is_dropped_all_is_there_or_nothing(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        for micros in (0..60).map(|step| step * step * 10) {
            let insert = sql.insert_many("person", (0..1_000).map(named)).chunk_rows(400);
            let _ = tokio::time::timeout(Duration::from_micros(micros), insert.into_future()).await;
            let there = count(&sql, "person").await;
            assert!(there == 0 || there == 1_000, "{there} rows after {micros} µs");
            sql.execute("delete from person").await.unwrap();
        }
    }

    async fn what_cannot_be_is_refused_with_the_reason(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let said = |error: Error| { assert_eq!(error.kind(), FailureKind::Permanent); error.to_string() };
        let error = said(sql.insert_many("nowhere", [(1,)]).await.unwrap_err());
        assert!(error.contains("there is no table `nowhere`"), "{error}");
        let error = said(sql.insert_many("person", [(1,)]).columns(["nothing"]).await.unwrap_err());
        assert!(error.contains("has no column `nothing` to write: it has `id`, `name`, `age`"), "{error}");
        let error = said(sql.insert_many("person", [vec![1, 2, 3], vec![1, 2]]).await.unwrap_err());
        assert!(error.contains("row 1 (from 0) has 2 cells, and there are 3 columns"), "{error}");
        let error = said(sql.upsert_many("person", &["id"], [("a",)]).columns(["name"]).await.unwrap_err());
        assert!(error.contains("`id` is not among those of the rows: `name`"), "{error}");
        let error = said(sql.upsert_many("person", &[], [("a",)]).columns(["name"]).await.unwrap_err());
        assert!(error.contains("the key has no columns"), "{error}");
        let error = said(sql.update_many("person", &["id"], [(1,)]).columns(["id"]).await.unwrap_err());
        assert!(error.contains("nothing to update"), "{error}");
        assert_eq!(count(&sql, "person").await, 0);
    }

    async fn the_callers_deadline_ends_it(url: &str) {
        let sql = connect(url).await;
        people(&sql).await;
        let soon = CallContext::default().within(Duration::ZERO, tokio::time::Instant::now().into_std());
        let error = soon.scope(sql.insert_many("person", (0..10).map(named)).into_future()).await.unwrap_err();
        // Refused is what was not begun any more.
        assert!(matches!(error.kind(), FailureKind::Timeout | FailureKind::Refused), "{error}");
        assert_eq!(count(&sql, "person").await, 0);
    }

    async fn names_can_hold_anything_and_values_never_become_text(url: &str) {
        let sql = connect(url).await;
        let quote = if url.starts_with("mysql") { '`' } else { '"' };
        let made = format!("create table {quote}odd; drop table x --{quote} ({quote}a 'b' c?{quote} varchar(99) primary key, {quote}select{quote} varchar(99))");
        sql.query(&made).execute().await.unwrap();
        let evil = "'); drop table person; -- \\' \" ` ? $1 :x";
        let table = "odd; drop table x --";
        let key = ["a 'b' c?"];
        sql.insert_many(table, [(evil, "1")]).await.unwrap();
        sql.upsert_many(table, &key, [(evil, "2")]).await.unwrap();
        sql.update_many(table, &key, [(evil, evil)]).await.unwrap();
        let rows: Vec<(String, String)> = sql.query(&format!("select * from {quote}odd; drop table x --{quote}")).fetch_all().await.unwrap();
        assert_eq!(rows, [(evil.to_owned(), evil.to_owned())]);
        assert_eq!(sql.delete_many(table, &key, [(evil,)]).await.unwrap().changed, 1);
    }
}
