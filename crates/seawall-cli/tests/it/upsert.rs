//! `--upsert`: rows that are there already are updated, on every database.

use crate::binary::{fail_with, ingest, succeed};
use crate::faults::{Folder, rejects};
use crate::sink::{Sink, contents};
use crate::ticks::Contents;

const BY_ID: [&str; 2] = ["--upsert", "id"];
const TABLE: &str =
    "create table ticks (id bigint primary key, symbol varchar(9) not null, price double precision)";

fn holding(rows: &[(i64, &str, f64)]) -> Contents {
    let mut contents = Contents::default();
    for (id, symbol, price) in rows {
        contents.add(*id, symbol, *price);
    }
    contents
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_key_is_there_updates_it_and_the_last_of_a_source_counts() {
    for sink in Sink::all() {
        let folder = Folder::new();
        let sql = sink.open().await;
        sql.execute(TABLE).await.unwrap();
        sql.execute("insert into ticks values (1, 'OLD', 0.5), (9, 'KEPT', 9.5)").await.unwrap();
        let source = folder.file("a.csv", "id,symbol,price\n1,A,1.5\n2,B,2.5\n1,C,3.5\n");
        let report = succeed(ingest(&source, &sink.url, &BY_ID));
        assert_eq!(report["rows"], 3, "{report}");
        let expected = holding(&[(1, "C", 3.5), (2, "B", 2.5), (9, "KEPT", 9.5)]);
        assert_eq!(contents(&sql).await, expected);

        let newer = folder.file("b.csv", "price,id,symbol\n7.5,2,D\n8.5,3,E\n");
        succeed(ingest(&newer, &sink.url, &BY_ID));
        let expected = holding(&[(1, "C", 3.5), (2, "D", 7.5), (3, "E", 8.5), (9, "KEPT", 9.5)]);
        assert_eq!(contents(&sql).await, expected);
        // A source that was read is not read again, and undoes nothing.
        assert_eq!(succeed(ingest(&source, &sink.url, &BY_ID))["rows"], 0);
        assert_eq!(contents(&sql).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_database_refuses_is_rejected_and_the_others_are_stored() {
    for sink in Sink::all() {
        let folder = Folder::new();
        let sql = sink.open().await;
        sql.execute(TABLE).await.unwrap();
        sql.execute("create unique index one_symbol on ticks (symbol, price)").await.unwrap();
        sql.execute("insert into ticks values (1, 'A', 1.5)").await.unwrap();
        let rejected = folder.path("rejects.ndjson");
        let more = [BY_ID.as_slice(), &["--rejects", rejected.to_str().unwrap()]].concat();
        let source = folder.file("a.ndjson", "{\"id\":1,\"symbol\":\"B\",\"price\":1.5}\n{\"id\":2,\"symbol\":null,\"price\":2.5}\n{\"id\":3,\"symbol\":\"C\",\"price\":3.5}\n");
        let report = succeed(ingest(&source, &sink.url, &more));
        assert_eq!((&report["rows"], &report["rejected"]), (&2.into(), &1.into()), "{report}");
        assert_eq!(rejects(&rejected)[0]["line"], 2);
        assert_eq!(contents(&sql).await, holding(&[(1, "B", 1.5), (3, "C", 3.5)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused_before_anything_is_stored() {
    for sink in Sink::all() {
        let folder = Folder::new();
        let source = folder.file("a.csv", "id,symbol,price\n1,A,1.5\n");
        let missing = fail_with(1, ingest(&source, &sink.url, &BY_ID));
        assert!(missing.contains("create it with that key first"), "{missing}");
        let sql = sink.open().await;
        sql.execute(TABLE).await.unwrap();
        for key in ["symbol", "id,symbol", "nothing"] {
            fail_with(1, ingest(&source, &sink.url, &["--upsert", key, "--patience", "2"]));
            assert_eq!(contents(&sql).await.rows, 0, "{key}");
        }
        succeed(ingest(&source, &sink.url, &BY_ID));
        assert_eq!(contents(&sql).await.rows, 1);
    }
}
