//! `seawall fetch` against a real server.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path as Name;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;

use crate::binary::{Running, fail_with, report, seawall, signal, succeed};
use crate::server::{Server, listen};

fn fetch(list: &Path, into: &Path) -> Command {
    let mut command = seawall();
    command.arg("fetch").arg(list).arg("--into").arg(into).arg("--json");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_the_list_arrives_and_those_that_are_there_are_kept() {
    let server = Server::start("some bytes", "\"one\"").await;
    let folder = tempfile::tempdir().unwrap();
    let (list, into) = (folder.path().join("list"), folder.path().join("into"));
    let address = server.address;
    std::fs::write(&list, format!("# two\nhttp://{address}/a.txt\nhttp://{address}/b?key=1 below/b.txt\n"))
        .unwrap();
    let report = succeed(fetch(&list, &into));
    assert_eq!((&report["fetched"], &report["bytes"]), (&2.into(), &20.into()));
    for name in ["a.txt", "below/b.txt"] {
        assert_eq!(std::fs::read_to_string(into.join(name)).unwrap(), "some bytes");
    }

    server.replace("other bytes", "\"two\"");
    let report = succeed(fetch(&list, &into));
    assert_eq!((&report["fetched"], &report["kept"]), (&0.into(), &2.into()));
    let mut again = fetch(&list, &into);
    again.args(["--existing", "replace"]);
    assert_eq!(succeed(again)["fetched"], 2);
    assert_eq!(std::fs::read_to_string(into.join("a.txt")).unwrap(), "other bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_had_is_named_and_the_others_arrive() {
    let server = Server::start("some bytes", "\"one\"").await;
    let folder = tempfile::tempdir().unwrap();
    let (list, into) = (folder.path().join("list"), folder.path().join("into"));
    let address = server.address;
    let wrong = format!("sha256:{}", "0".repeat(64));
    std::fs::write(&list, format!("http://{address}/a\nhttp://{address}/b {wrong}\n")).unwrap();
    let said = fail_with(1, fetch(&list, &into));
    assert!(said.contains("b: download"), "{said}");
    assert!(said.contains("run the same command again"), "{said}");
    assert!(into.join("a").exists() && !into.join("b").exists());
}

#[test]
fn a_list_that_makes_no_sense_is_refused_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let (list, into) = (folder.path().join("list"), folder.path().join("into"));
    std::fs::write(&list, "http://localhost/a\nhttp://localhost/b ../b\n").unwrap();
    let said = fail_with(2, fetch(&list, &into));
    assert!(said.contains("line 2: `../b` leads out of the folder"), "{said}");
    assert!(!into.exists());
}

const FILES: usize = 40;
const KILLS: usize = 12;

/// What a file of this number holds, no two alike: most fit into memory, and every eighth is carried by way of a file.
fn content(number: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let more = if number.is_multiple_of(8) { 1_500_000 } else { 0 };
    let mut content = vec![0; number * 5_000 + more];
    random.fill(&mut content);
    content.into()
}

/// A file in pieces, slow enough to be killed in the middle of; with ranges, and one version for good.
async fn slow(Name(number): Name<usize>, headers: HeaderMap) -> Response<Body> {
    let content = content(number);
    let total = content.len();
    let from = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let from = from.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')?.0.parse::<usize>().ok());
    let response = Response::builder().header(header::ETAG, format!("\"{number}\""));
    let (response, rest) = match from.filter(|from| *from < total) {
        None => (response, content),
        Some(from) => {
            let range = format!("bytes {from}-{}/{total}", total - 1);
            let partial = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, range);
            (partial, content.slice(from..))
        }
    };
    let pieces = futures_util::stream::unfold(rest.clone(), async |mut rest| {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let piece = rest.split_to(rest.len().min(32 * 1024));
        (!piece.is_empty()).then_some((Ok::<_, std::io::Error>(piece), rest))
    });
    response.header(header::CONTENT_LENGTH, rest.len()).body(Body::from_stream(pieces)).unwrap()
}

/// The finished files of a folder, and when each was written.
fn finished(into: &Path) -> HashMap<OsString, SystemTime> {
    let entries = std::fs::read_dir(into).into_iter().flatten().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    files.map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_killed_again_and_again_goes_on_and_leaves_every_file_whole_once_and_nothing_else() {
    let address = listen(Router::new().route("/{number}", get(slow))).await;
    let folder = tempfile::tempdir().unwrap();
    let (list, into) = (folder.path().join("list"), folder.path().join("into"));
    let lines: Vec<_> = (1..=FILES).map(|number| format!("http://{address}/{number}")).collect();
    let lines = lines.join("\n");
    std::fs::write(&list, lines).unwrap();
    let seed = 7;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut before = HashMap::new();
    for kill in 0..KILLS {
        // Fewer than there are in all, so that there is always something left to kill.
        let target = (before.len() + random.usize(0..3)).min(FILES - 2);
        let mut run = Running(fetch(&list, &into).args(["--jobs", "3"]).spawn().unwrap());
        while finished(&into).len() < target {
            assert!(run.0.try_wait().unwrap().is_none(), "ended before kill {kill}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.u64(0..30_000))).await;
        run.0.kill().unwrap();
        run.0.wait().unwrap();
        let now = finished(&into);
        for (name, written) in &before {
            assert_eq!(now.get(name), Some(written), "{name:?} was there and is left alone");
        }
        for name in now.keys() {
            let number: usize = name.to_str().unwrap().parse().unwrap();
            assert_eq!(
                std::fs::read(into.join(name)).unwrap(),
                content(number),
                "{name:?} is whole, kill {kill}"
            );
        }
        before = now;
    }
    let report = succeed(fetch(&list, &into));
    assert_eq!(report["kept"], before.len(), "{report}");
    assert_eq!(report["fetched"], FILES - before.len(), "{report}");
    let names = std::fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(names.len(), FILES, "nothing is left over: {names:?}");
    for number in 1..=FILES {
        assert_eq!(std::fs::read(into.join(number.to_string())).unwrap(), content(number), "{number}");
    }
    assert_eq!(succeed(fetch(&list, &into))["fetched"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_with_every_file_that_is_counted_in_its_place_and_the_next_run_goes_on() {
    let address = listen(Router::new().route("/{number}", get(slow))).await;
    let folder = tempfile::tempdir().unwrap();
    let (list, into) = (folder.path().join("list"), folder.path().join("into"));
    let lines: Vec<_> = (1..=FILES).map(|number| format!("http://{address}/{number}")).collect();
    std::fs::write(&list, lines.join("\n")).unwrap();
    let run = fetch(&list, &into).args(["--jobs", "2"]).spawn().unwrap();
    while finished(&into).len() < 5 {
        tokio::task::yield_now().await;
    }
    signal(&run, "-INT");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let (stopped, there) = (report(&output), finished(&into).len() as u64);
    assert_eq!(stopped["stopped"], true);
    assert_eq!(stopped["fetched"], there);
    assert_eq!(succeed(fetch(&list, &into))["kept"], there);
    for number in 1..=FILES {
        assert_eq!(std::fs::read(into.join(number.to_string())).unwrap(), content(number), "{number}");
    }
}
