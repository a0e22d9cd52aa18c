//! What MySQL and MariaDB do in their own way, and an ingest must not.

use crate::binary::{fail_with, ingest, seawall, succeed};
use crate::faults::{Folder, rejects};
use crate::sink::{Sink, contents};
use crate::ticks::{Contents, csv};

type Values = (i64, Option<String>, bool, String, f64);

#[tokio::test(flavor = "multi_thread")]
async fn values_arrive_as_they_were_written() {
    let folder = Folder::new();
    let source = folder.file(
        "a.ndjson",
        concat!(
            r#"{"id":1,"at":"2024-02-29T12:00:00.25+02:00","fine":true,"note":"grüße 🌊 \\ '\"","of":1.5}"#,
            "\n",
            r#"{"id":2,"at":null,"fine":false,"note":"","of":-0.25}"#,
            "\n"
        ),
    );
    let sink = Sink::mariadb();
    let schema = "id integer, at timestamptz, fine boolean, note text, of real";
    let report = succeed(ingest(&source, &sink.url, &["--schema", schema]));
    assert_eq!((&report["rows"], &report["rejected"]), (&2.into(), &0.into()), "{report}");
    let rows: Vec<Values> = sink
        .open()
        .await
        .query("select id, at, fine, note, of from ticks order by id")
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(
        rows,
        [
            (1, Some("2024-02-29T10:00:00.25".into()), true, "grüße 🌊 \\ '\"".into(), 1.5),
            (2, None, false, String::new(), -0.25)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_rejected_rather_than_cut() {
    let folder = Folder::new();
    let source = folder.file("a.csv", "id,symbol,price\n1,AB,1.5\n2,ABCD,2.5\n3,CD,99999\n4,EF,4.5\n");
    let sink = Sink::mariadb();
    let sql = sink.open().await;
    sql.execute("create table ticks (id bigint, symbol varchar(3), price decimal(4,2))").await.unwrap();
    let rejected = folder.path("rejects.ndjson");
    let report = succeed(ingest(&source, &sink.url, &["--rejects", rejected.to_str().unwrap()]));
    assert_eq!((&report["rows"], &report["rejected"]), (&2.into(), &2.into()), "{report}");
    let rejects = rejects(&rejected);
    assert_eq!((&rejects[0]["line"], &rejects[1]["line"]), (&3.into(), &4.into()));
    assert!(rejects[0]["reason"].as_str().unwrap().contains("symbol"), "{rejects:?}");
    assert!(rejects[1]["reason"].as_str().unwrap().contains("price"), "{rejects:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_whose_names_differ_in_case_or_by_a_blank_are_different_sources() {
    let folder = Folder::new();
    let sink = Sink::mariadb();
    for (name, id) in [("a.csv", 1), ("A.csv", 2), ("ä.csv", 3), ("a.csv ", 4)] {
        let source = folder.file(name, format!("id,symbol,price\n{id},A,1.5\n"));
        let report = succeed(ingest(&source, &sink.url, &["--format", "csv"]));
        assert_eq!(report["rows"], 1, "{name}: {report}");
    }
    assert_eq!(contents(&sink.open().await).await.rows, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_a_name_longer_than_any_key_is_gone_on_with() {
    let folder = Folder::new();
    let mut name = String::new();
    for _ in 0..14 {
        name.push_str(&"deep".repeat(60));
        name.push('/');
    }
    std::fs::create_dir_all(folder.path(&name)).unwrap();
    let source = folder.file(&format!("{name}a.csv"), csv(1_000).0);
    assert!(source.len() > 3072);
    let sink = Sink::mariadb();
    succeed(ingest(&source, &sink.url, &[]));
    let (text, expected) = csv(1_500);
    folder.file(&format!("{name}a.csv"), text);
    let report = succeed(ingest(&source, &sink.url, &[]));
    assert_eq!(report["rows"], 500, "{report}");
    assert_eq!(contents(&sink.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_others_refer_to_are_not_removed_for_a_newer_version() {
    let folder = Folder::new();
    let source = folder.file("a.csv", "id,symbol,price\n1,A,1.5\n");
    let sink = Sink::mariadb();
    let sql = sink.open().await;
    sql.execute("create table ticks (id bigint primary key, symbol text, price double)").await.unwrap();
    sql.execute(
        "create table orders (tick bigint, foreign key (tick) references ticks (id) on delete cascade)",
    )
    .await
    .unwrap();
    succeed(ingest(&source, &sink.url, &[]));
    sql.execute("insert into orders values (1)").await.unwrap();
    folder.file("a.csv", "id,symbol,price\n2,B,2.5\n");
    let report = succeed(ingest(&source, &sink.url, &[]));
    assert!(report["sources"][0]["changed"].as_str().unwrap().contains("others refer to it"), "{report}");
    assert_eq!(contents(&sql).await.rows, 2);
    let (orders,): (i64,) = sql.query("select count(*) from orders").fetch_one().await.unwrap();
    assert_eq!(orders, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_transactions_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let source = folder.file("a.csv", csv(10).0);
    let sink = Sink::mariadb();
    let sql = sink.open().await;
    sql.execute("create table ticks (id bigint, symbol text, price double) engine = MyISAM").await.unwrap();
    let message = fail_with(1, ingest(&source, &sink.url, &[]));
    assert!(message.contains("MyISAM") && message.contains("engine = InnoDB"), "{message}");
    assert_eq!(contents(&sql).await.rows, 0);
    sql.execute("alter table ticks engine = InnoDB").await.unwrap();
    succeed(ingest(&source, &sink.url, &[]));
    assert_eq!(contents(&sql).await, csv(10).1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_database_and_a_url_without_one_are_told_apart() {
    let folder = Folder::new();
    let source = folder.file("a.csv", csv(10).0);
    let (here, there) = (Sink::mariadb(), Sink::mariadb());
    let (start, name) = there.url.rsplit_once('/').unwrap();
    let table = format!("{name}.ticks");
    let mut command = seawall();
    command.args(["ingest", &source, "--into", &here.url, "--table", &table, "--json"]);
    succeed(command);
    assert_eq!(contents(&there.open().await).await, csv(10).1);
    let message = fail_with(1, ingest(&source, start, &[]));
    assert!(message.contains("names no database"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sources_at_a_time_arrive_whole_and_only_once() {
    let folder = Folder::new();
    let (text, expected) = csv(3_000);
    for number in 0..8 {
        folder.file(&format!("{number}.csv"), &text);
    }
    let source = folder.0.path().display().to_string();
    let sink = Sink::mariadb();
    let more = ["--jobs", "8", "--batch-rows", "250"];
    let report = succeed(ingest(&source, &sink.url, &more));
    assert_eq!(report["rows"], 8 * expected.rows, "{report}");
    let all = Contents { rows: 8 * expected.rows, checksum: expected.checksum.wrapping_mul(8) };
    assert_eq!(contents(&sink.open().await).await, all);
    assert_eq!(succeed(ingest(&source, &sink.url, &more))["rows"], 0);
    assert_eq!(contents(&sink.open().await).await, all);
}
