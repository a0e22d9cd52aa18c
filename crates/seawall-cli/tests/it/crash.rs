//! kill -9 at 50 seeded points, resumed each time: the table ends equal to the source.

use std::time::Duration;

use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults, Rule};

use crate::binary::{Running, ingest, succeed};
use crate::server::Server;
use crate::sink::{Sink, batches, contents};
use crate::ticks::csv;

const KILLS: u32 = 50;
const ROWS: u64 = 100_000;
/// A batch every 100 ms: the source lasts for 50 s, so that there is something left to kill however long this test is
/// kept waiting for a look at the ledger.
const PACE: [&str; 4] = ["--batch-rows", "200", "--rate", "2000/s"];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_killed_50_times_arrives_whole_in_sqlite() {
    kill_and_resume(&Sink::sqlite(), &file(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_killed_50_times_arrives_whole_in_postgres() {
    kill_and_resume(&Sink::postgres(), &file(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_killed_50_times_arrives_whole_in_mariadb() {
    kill_and_resume(&Sink::mariadb(), &file(), 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_http_source_killed_50_times_arrives_whole_in_sqlite() {
    let http = FaultyHttp::start(3).await;
    kill_and_resume(&Sink::sqlite(), &http.url, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_http_source_killed_50_times_arrives_whole_in_postgres() {
    let http = FaultyHttp::start(4).await;
    kill_and_resume(&Sink::postgres(), &http.url, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_http_source_killed_50_times_arrives_whole_in_mariadb() {
    let http = FaultyHttp::start(6).await;
    kill_and_resume(&Sink::mariadb(), &http.url, 6).await;
}

/// Kills the run whenever a seeded number of further batches is committed and a seeded moment has passed, and
/// starts it again; in the end lets it finish.
async fn kill_and_resume(sink: &Sink, source: &impl AsRef<str>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let sql = sink.open().await;
    let mut kills = 0;
    let mut committed = 0;
    while kills < KILLS {
        let target = committed + random.i64(0..3);
        let mut run = Running(ingest(source.as_ref(), &sink.url, &PACE).spawn().unwrap());
        // Not a wait for something to happen in time: the run is polled until it is where the seed wants it.
        loop {
            committed = batches(&sql).await;
            if committed >= target {
                break;
            }
            assert!(run.0.try_wait().unwrap().is_none(), "ended after {kills} kills");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.u64(0..20_000))).await;
        run.0.kill().unwrap();
        run.0.wait().unwrap();
        kills += 1;
    }
    let (_, expected) = csv(ROWS);
    let report = succeed(ingest(source.as_ref(), &sink.url, &[]));
    assert_eq!(contents(&sql).await, expected, "seed {seed}: {report}");
    let again = succeed(ingest(source.as_ref(), &sink.url, &[]));
    assert_eq!(again["rows"], 0, "a finished source is not ingested again: {again}");
    assert_eq!(contents(&sql).await, expected);
}

struct SourceFile {
    path: String,
    _folder: tempfile::TempDir,
}

impl AsRef<str> for SourceFile {
    fn as_ref(&self) -> &str {
        &self.path
    }
}

fn file() -> SourceFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticks.csv");
    std::fs::write(&path, csv(ROWS).0).unwrap();
    SourceFile { path: path.display().to_string(), _folder: folder }
}

/// A server behind a proxy that resets, cuts off and delays.
struct FaultyHttp {
    url: String,
    _server: Server,
    _proxy: FaultProxy,
}

impl FaultyHttp {
    async fn start(seed: u64) -> Self {
        let server = Server::start(csv(ROWS).0, "\"v1\"").await;
        let proxy = FaultProxy::start(server.address, seed).await.unwrap();
        proxy.set(
            Faults::none()
                .with(Fault::ResetAfter { direction: Direction::Down, after: 60_000 }, Rule::Chance(0.2))
                .with(Fault::Truncate { direction: Direction::Down, after: 90_000 }, Rule::Chance(0.2))
                .with(
                    Fault::Latency { delay: Duration::from_millis(2), jitter: Duration::from_millis(3) },
                    Rule::Always,
                ),
        );
        Self { url: format!("http://{}/ticks.csv", proxy.addr()), _server: server, _proxy: proxy }
    }
}
