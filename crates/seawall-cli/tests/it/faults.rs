//! What a user gets to see when something is wrong: what was committed stays, and the message helps.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use seawall_testkit::proxy::{Direction, Fault, FaultKind, FaultProxy, Faults, Rule};
use seawall_testkit::servers::{MariaDb, Postgres};

use crate::binary::{Running, fail_with, ingest, report, seawall, signal, succeed};
use crate::server::Server;
use crate::sink::{Sink, batches, contents};
use crate::ticks::csv;

pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn rejects(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_source_arrives_whole() {
    let (text, expected) = csv(3_000);
    let mut ndjson = String::new();
    for line in text.lines().skip(1).filter(|line| line.matches(',').count() == 2) {
        let mut fields = line.split(',');
        let [id, symbol, price] = [(); 3].map(|()| fields.next().unwrap());
        writeln!(ndjson, r#"{{"id":{id},"symbol":"{symbol}","price":{price}}}"#).unwrap();
    }
    let folder = Folder::new();
    let plain = folder.file("a.csv", &text);
    let gz = folder.file("a.csv.gz", gzip(&text));
    let zst = folder.file("a.csv.zst", zstd::encode_all(text.as_bytes(), 3).unwrap());
    let http = Server::start(text.clone(), "\"v1\"").await;
    for source in [plain, gz, zst, format!("http://{}/a.csv", http.address)] {
        let sink = Sink::sqlite();
        let report = succeed(ingest(&source, &sink.url, &[]));
        assert_eq!(contents(&sink.open().await).await, expected, "{report}");
    }
    let lines = ndjson.lines().count() as u64;
    let sink = Sink::sqlite();
    let report = succeed(ingest(&folder.file("a.ndjson", ndjson), &sink.url, &[]));
    assert_eq!(report["rows"], lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_goes_on_where_the_same_input_stopped() {
    let (text, expected) = csv(2_000);
    let sink = Sink::sqlite();
    for run in 0..2 {
        let mut command = ingest("-", &sink.url, &[]);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows = if run == 0 { expected.rows } else { 0 };
        assert_eq!(report(&output)["rows"], rows);
    }
    assert_eq!(contents(&sink.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_rows_are_rejected_with_line_and_reason_and_the_rest_is_stored() {
    let folder = Folder::new();
    let long = "x".repeat(5_000);
    let text = format!("id,symbol,price\n1,A,1.5\n2,B\nx,C,3.5\n4,D,4.5\n5,{long},5.5\n6,E,6.5\n");
    let mut bytes = text.into_bytes();
    bytes.extend(b"7,\xff\xfe,7.5\n8,F,8.5\n");
    let source = folder.file("bad.csv", bytes);
    let rejected = folder.path("rejects.ndjson");
    let more = ["--rejects", rejected.to_str().unwrap(), "--max-record-bytes", "1000"];
    let schema = ["--schema", "id integer, symbol text, price real"];
    let sink = Sink::sqlite();
    let report = succeed(ingest(&source, &sink.url, &[more.as_slice(), &schema].concat()));
    assert_eq!((&report["rows"], &report["rejected"]), (&4.into(), &4.into()), "{report}");
    let rejects = rejects(&rejected);
    let lines: Vec<_> = rejects.iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 6, 8]);
    assert!(rejects.iter().all(|reject| !reject["reason"].as_str().unwrap().is_empty()));

    // Again: nothing to do, and nothing rejected twice.
    succeed(ingest(&source, &sink.url, &[more.as_slice(), &schema].concat()));
    assert_eq!(self::rejects(&rejected).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_database_refuses_are_rejected_with_its_reason() {
    for sink in Sink::all() {
        let folder = Folder::new();
        let source = folder.file("a.csv", "id,symbol,price\n1,A,1.5\n2,B,2.5\n1,C,3.5\n3,D,4.5\n");
        let sql = sink.open().await;
        sql.query("create table ticks (id bigint primary key, symbol text, price double precision)")
            .execute()
            .await
            .unwrap();
        let rejected = folder.path("rejects.ndjson");
        let report = succeed(ingest(&source, &sink.url, &["--rejects", rejected.to_str().unwrap()]));
        assert_eq!((&report["rows"], &report["rejected"]), (&3.into(), &1.into()), "{report}");
        assert_eq!(rejects(&rejected)[0]["line"], 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_gzip_keeps_what_was_whole_and_goes_on_with_the_mended_file() {
    let (text, expected) = csv(20_000);
    let folder = Folder::new();
    let whole = gzip(&text);
    let source = folder.file("a.csv.gz", &whole[..whole.len() / 2]);
    let sink = Sink::sqlite();
    let message = fail_with(1, ingest(&source, &sink.url, &["--batch-rows", "1000"]));
    assert!(message.contains("gzip") && message.contains("same command"), "{message}");
    let before = contents(&sink.open().await).await;
    assert!(before.rows > 0 && before.rows < expected.rows);
    folder.file("a.csv.gz", whole);
    succeed(ingest(&source, &sink.url, &[]));
    assert_eq!(contents(&sink.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_http_source_is_said_and_ingested_anew() {
    let (old, _) = csv(5_000);
    let server = Server::start(old, "\"v1\"").await;
    let url = format!("http://{}/ticks.csv", server.address);
    let sinks = Sink::all();
    for sink in &sinks {
        succeed(ingest(&url, &sink.url, &[]));
    }
    let new = csv(6_000).0.replace("SYM", "NEW");
    server.replace(new, "\"v2\"");
    for sink in &sinks {
        let report = succeed(ingest(&url, &sink.url, &[]));
        assert!(report["sources"][0]["changed"].is_string(), "{report}");
        let now = contents(&sink.open().await).await;
        assert_eq!(now.rows, 6_000, "the rows of the older version are gone: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grew_is_taken_up_at_its_old_end() {
    let folder = Folder::new();
    let source = folder.file("a.csv", csv(1_000).0);
    let sink = Sink::sqlite();
    succeed(ingest(&source, &sink.url, &[]));
    let (text, expected) = csv(1_500);
    folder.file("a.csv", text);
    let report = succeed(ingest(&source, &sink.url, &[]));
    assert_eq!(report["rows"], 500, "{report}");
    assert_eq!(contents(&sink.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_line_that_was_half_written_is_not_kept_as_a_row() {
    let folder = Folder::new();
    let (text, expected) = csv(1_000);
    let source = folder.file("a.csv", &text[..text.len() - 3]);
    let sink = Sink::sqlite();
    succeed(ingest(&source, &sink.url, &[]));
    folder.file("a.csv", &text);
    let report = succeed(ingest(&source, &sink.url, &[]));
    assert!(report["sources"][0]["changed"].is_string(), "{report}");
    assert_eq!(contents(&sink.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_gets_an_answer_that_helps() {
    let folder = Folder::new();
    let good = folder.file("good.csv", csv(10).0);
    let wide: Vec<u8> = "id,symbol\n1,A\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let sink = Sink::sqlite();
    for (source, says) in [
        (folder.file("wide.csv", [b"\xff\xfe".as_slice(), &wide].concat()), "UTF-16LE"),
        (folder.file("empty.csv", ""), "empty"),
        (folder.file("twice.csv", "id,id\n1,2\n"), "twice"),
        (folder.path("missing.csv").display().to_string(), "no such file"),
        ("http://127.0.0.1:1/never.csv".to_owned(), "127.0.0.1"),
    ] {
        let message = fail_with(1, ingest(&source, &sink.url, &["--patience", "1"]));
        assert!(message.contains(says), "{source}: {message}");
    }
    for (into, says) in [
        ("oracle://localhost/x", "sqlite://"),
        ("sqlite:///nowhere/at/all/x.db", "nowhere"),
        ("postgres://ann:hunter2@127.0.0.1:1/x", "127.0.0.1"),
        ("mysql://ann:hunter2@127.0.0.1:1/x", "127.0.0.1"),
    ] {
        let message = fail_with(1, ingest(&good, into, &["--patience", "1"]));
        assert!(message.contains(says) && !message.contains("hunter2"), "{into}: {message}");
    }
    let mut wrong = seawall();
    wrong.args(["ingest", &good, "--into", &sink.url, "--rate", "fast"]);
    assert!(fail_with(2, wrong).contains("rows a second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_that_cannot_be_written_says_so() {
    let folder = Folder::new();
    let good = folder.file("good.csv", csv(10).0);
    // A folder in place of the file fails for root too, whom permissions do not stop.
    let message = fail_with(1, ingest(&good, &format!("sqlite://{}", folder.0.path().display()), &[]));
    assert!(message.contains("folder") || message.contains("directory"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_vanishes_and_comes_back_is_waited_for() {
    let mut server = Postgres::start().unwrap();
    kill_and_restart(server.url(), || {
        server.kill();
        server.restart().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_that_vanishes_and_comes_back_is_waited_for() {
    let mut server = MariaDb::start().unwrap();
    kill_and_restart(server.url(), || {
        server.kill();
        server.restart().unwrap();
    })
    .await;
}

/// Ends the server in the middle of a run, three times.
async fn kill_and_restart(url: String, mut end_and_begin: impl FnMut()) {
    let sink = Sink::at(url);
    let (text, expected) = csv(20_000);
    let folder = Folder::new();
    let source = folder.file("a.csv", text);
    let pace = ["--batch-rows", "200", "--rate", "20000/s"];
    let mut run = Running(ingest(&source, &sink.url, &pace).spawn().unwrap());
    for batches_before in [5, 20, 40] {
        let sql = sink.open().await;
        while batches(&sql).await < batches_before {
            assert!(run.0.try_wait().unwrap().is_none(), "ended too soon");
            tokio::task::yield_now().await;
        }
        end_and_begin();
    }
    let mut printed = String::new();
    run.0.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(run.0.wait().unwrap().success(), "{printed}");
    assert_eq!(contents(&sink.open().await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_says_how_to_resume_and_loses_nothing() {
    let (text, expected) = csv(30_000);
    let folder = Folder::new();
    let source = folder.file("a.csv", text);
    let sink = Sink::sqlite();
    let pace = ["--batch-rows", "200", "--rate", "5000/s"];
    let run = ingest(&source, &sink.url, &pace).spawn().unwrap();
    let sql = sink.open().await;
    while batches(&sql).await < 3 {
        tokio::task::yield_now().await;
    }
    signal(&run, "-INT");
    let output = run.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.contains("same command"), "{message}");
    assert_eq!(report(&output)["stopped"], true);
    succeed(ingest(&source, &sink.url, &[]));
    assert_eq!(contents(&sql).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_source_that_cannot_be_read_any_more_costs_no_row() {
    let folder = Folder::new();
    let source = folder.file("a.csv", csv(1_000).0);
    let sink = Sink::sqlite();
    succeed(ingest(&source, &sink.url, &[]));
    for broken in ["", "id,symbol,price,more\n1,A,1.5,x\n", "<html><body>please log in</body></html>\n"] {
        folder.file("a.csv", broken);
        fail_with(1, ingest(&source, &sink.url, &[]));
        assert_eq!(contents(&sink.open().await).await, csv(1_000).1, "{broken}");
    }
    folder.file("a.csv", csv(2_000).0.replace("SYM", "NEW"));
    fail_with(1, ingest(&source, &sink.url, &["--on-change", "fail"]));
    assert_eq!(contents(&sink.open().await).await.rows, 1_000);
    succeed(ingest(&source, &sink.url, &["--on-change", "append"]));
    assert_eq!(contents(&sink.open().await).await.rows, 3_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_by_its_other_name_is_the_same_table() {
    let folder = Folder::new();
    let source = folder.file("a.csv", csv(100).0);
    for (sink, other) in [(Sink::sqlite(), "main.TICKS"), (Sink::postgres(), "public.ticks")] {
        succeed(ingest(&source, &sink.url, &[]));
        let mut again = seawall();
        again.args(["ingest", &source, "--into", &sink.url, "--table", other, "--json"]);
        assert_eq!(succeed(again)["rows"], 0);
        sink.open().await.query("drop table ticks").execute().await.unwrap();
        let report = succeed(ingest(&source, &sink.url, &[]));
        assert_eq!(report["rows"], 100, "a table that is gone is filled again: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_and_validators_is_read_again_and_nothing_comes_twice() {
    let (text, expected) = csv(20_000);
    let server = Server::start_bare(text).await;
    let proxy = FaultProxy::start(server.address, 7).await.unwrap();
    let cut = Fault::ResetAfter { direction: Direction::Down, after: 200_000 };
    proxy.set(Faults::none().with(cut, Rule::Numbered(0..2)));
    let url = format!("http://{}/ticks.csv", proxy.addr());
    let sink = Sink::sqlite();
    let other = Folder::new();
    // Not the only source of its table, so that a false alarm could not be hidden by beginning anew.
    succeed(ingest(&other.file("b.csv", "id,symbol,price\n-1,B,1.5\n"), &sink.url, &[]));
    let report = succeed(ingest(&url, &sink.url, &["--batch-rows", "500"]));
    assert_eq!(report["rows"], expected.rows, "{report}");
    // Of two connections made for one request, the client may leave one unused.
    assert!((1..=2).contains(&proxy.injected(FaultKind::ResetAfter)), "{report}");
    assert_eq!(contents(&sink.open().await).await.rows, expected.rows + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat_however_large_the_source() {
    // Many sources at a time, of which several are compressed, are what takes most.
    let folder = Folder::new();
    let (text, _) = csv(60_000);
    for number in 0..6 {
        folder.file(&format!("{number}.csv"), &text);
        folder.file(&format!("{number}.csv.zst"), zstd::encode_all(text.as_bytes(), 19).unwrap());
    }
    let source = folder.0.path().display().to_string();
    let sink = Sink::sqlite();
    let mut run = Running(ingest(&source, &sink.url, &[]).spawn().unwrap());
    let status = format!("/proc/{}/status", run.0.id());
    let mut peak = 0;
    while run.0.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|kib| kib.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0));
        tokio::task::yield_now().await;
    }
    assert!(run.0.wait().unwrap().success());
    assert!((1..128 * 1024).contains(&peak), "{peak} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_database_says_so_and_keeps_what_it_has() {
    let folder = Folder::new();
    let sink = Sink::sqlite();
    succeed(ingest(&folder.file("a.csv", csv(100).0), &sink.url, &[]));
    let more = folder.file("b.csv", csv(200).0);
    let message = fail_with(1, ingest(&more, &format!("{}?mode=ro", sink.url), &["--patience", "2"]));
    assert!(message.contains("readonly"), "{message}");
    assert_eq!(contents(&sink.open().await).await, csv(100).1);

    let postgres = Sink::postgres();
    let sql = postgres.open().await;
    let (database,): (String,) = sql.query("select current_database()::text").fetch_one().await.unwrap();
    let read_only = format!("alter database \"{database}\" set default_transaction_read_only = on");
    sql.query(&read_only).execute().await.unwrap();
    let message = fail_with(1, ingest(&more, &postgres.url, &["--patience", "2"]));
    assert!(message.contains("read-only"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_run_that_waits_for_a_server_or_a_pipe() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    for source in [format!("http://{}/a.csv", silent.local_addr().unwrap()), "-".to_owned()] {
        let sink = Sink::sqlite();
        let mut command = ingest(&source, &sink.url, &["-vv"]);
        let mut run = Running(command.stdin(std::process::Stdio::piped()).spawn().unwrap());
        // The ledger is there: the run has begun, and waits for its source.
        let sql = sink.open().await;
        while sql.table("seawall_ledger").await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        signal(&run.0, "-TERM");
        assert_eq!(run.0.wait().unwrap().code(), Some(130), "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn format_and_delimiter_can_be_said_where_the_name_does_not_tell() {
    let folder = Folder::new();
    let sink = Sink::sqlite();
    let semicolons = folder.file("data.txt", "id;symbol;price\n1;A;1.5\n2;B;2.5\n");
    let hint = fail_with(1, ingest(&semicolons, &sink.url, &[]));
    assert!(hint.contains("--delimiter"), "{hint}");
    let report = succeed(ingest(&semicolons, &sink.url, &["--delimiter", ";"]));
    assert_eq!(report["rows"], 2);
    let lines = folder.file("lines.txt", "{\"id\":3,\"symbol\":\"C\",\"price\":3.5}\n");
    succeed(ingest(&lines, &sink.url, &["--format", "ndjson"]));
    assert_eq!(contents(&sink.open().await).await.rows, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_of_an_older_version_stay_while_its_rows_do() {
    let folder = Folder::new();
    let rejected = folder.path("rejects.ndjson");
    let more = ["--rejects", rejected.to_str().unwrap()];
    let source = folder.file("a.csv", "id,symbol,price\n1,A,1.5\nx,B\n");
    let sink = Sink::sqlite();
    succeed(ingest(&source, &sink.url, &more));
    folder.file("a.csv", "id,other\n1,A\n");
    fail_with(1, ingest(&source, &sink.url, &more));
    assert_eq!(rejects(&rejected).len(), 1);
    folder.file("a.csv", "id,symbol,price\n5,A,1.5\n6,B\n7,C\n");
    succeed(ingest(&source, &sink.url, &more));
    let lines: Vec<_> = rejects(&rejected).iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4], "those of the version whose rows were replaced are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quoted_field_that_was_still_open_at_the_end_is_read_again_when_it_is_closed() {
    let folder = Folder::new();
    let source = folder.file("a.csv", "id,symbol,price\n1,A,1.5\n2,\"B\n");
    let sink = Sink::sqlite();
    let report = succeed(ingest(&source, &sink.url, &[]));
    assert_eq!((&report["rows"], &report["rejected"]), (&1.into(), &1.into()), "{report}");
    folder.file("a.csv", "id,symbol,price\n1,A,1.5\n2,\"B\nb\",2.5\n3,C,3.5\n");
    succeed(ingest(&source, &sink.url, &[]));
    assert_eq!(contents(&sink.open().await).await.rows, 3);
}
