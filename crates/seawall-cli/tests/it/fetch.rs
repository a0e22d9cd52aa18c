//! `seawall fetch` against a real server.

use std::process::Command;

use crate::binary::{fail_with, seawall, succeed};
use crate::server::Server;

fn fetch(list: &std::path::Path, into: &std::path::Path) -> Command {
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
