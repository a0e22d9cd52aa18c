//! Processes that die while they write. The process is this very test binary, told to run one test only.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use seawall_fs::{Durability, Fs, LogOptions};

use crate::{client, temporaries};

const TARGET: &str = "SEAWALL_FS_CRASH_TARGET";
const HOW: &str = "SEAWALL_FS_CRASH_HOW";
const LENGTH: usize = 1 << 20;
const FILES: usize = 8;

/// What a process does until it dies, if this is one that is meant to.
fn child(work: impl AsyncFnOnce(Fs, PathBuf, String)) {
    let Some(target) = std::env::var_os(TARGET) else { return };
    let how = std::env::var(HOW).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(client(), target.into(), how));
}

/// Content that says throughout which version it is.
fn content(version: u64, length: usize) -> Bytes {
    version.to_le_bytes().repeat(length / 8).into()
}

/// The version of a content, which must be one throughout.
fn version(content: &[u8]) -> u64 {
    let version = u64::from_le_bytes(content[..8].try_into().unwrap());
    assert!(content == self::content(version, content.len()), "a mixture of {} bytes", content.len());
    version
}

fn length(version: u64) -> usize {
    // Up to 128 KiB, another one each time.
    8 + (version.wrapping_mul(0x9e37_79b9) % (128 * 1024)) as usize / 8 * 8
}

/// Every tenth is synced: a killed process does not need it, and a disk may be slow.
fn durability(version: u64) -> Durability {
    if version.is_multiple_of(10) { Durability::Full } else { Durability::None }
}

#[test]
#[ignore = "the other tests of this module run it, in a process that dies"]
fn replaces_the_target_over_and_over() {
    child(async |fs, target, _| {
        for version in (b'a'..=b'z').cycle() {
            match fs.write_atomic(&target, vec![version; LENGTH]).await {
                Ok(()) => println!("done"),
                Err(error) => {
                    return println!("failed: may have executed {}: {error}", error.may_have_executed());
                }
            }
        }
    });
}

#[test]
#[ignore = "the other tests of this module run it, in a process that dies"]
fn replaces_versions_over_and_over() {
    child(async |fs, target, first| {
        for number in first.parse().unwrap().. {
            let new = content(number, length(number));
            fs.write_atomic_with(&target, new, durability(number)).await.unwrap();
            println!("done {number}");
        }
    });
}

#[test]
#[ignore = "the other tests of this module run it, in a process that dies"]
fn replaces_groups_over_and_over() {
    child(async |fs, target, first| {
        for number in first.parse().unwrap().. {
            let group = (0..FILES)
                .map(|file| (target.join(file.to_string()), content(number, length(number) / 4 + 8)));
            for result in fs.write_atomic_many(group, durability(number)).await {
                result.unwrap();
            }
            println!("done {number}");
        }
    });
}

#[test]
#[ignore = "the other tests of this module run it, in a process that dies"]
fn appends_over_and_over() {
    child(async |fs, target, how| {
        let options = LogOptions { durability: Durability::None, ..LogOptions::default() };
        let log = fs.append_log(&target, options).await.unwrap();
        if how == "once" {
            let first = loop {
                if let Err(error) = log.append(vec![0; 1000]).await {
                    break error;
                }
            };
            let again = log.append("more").await.unwrap_err();
            let executed = |may: bool| if may { "executed" } else { "not executed" };
            println!("first: {}: {first}", executed(first.may_have_executed()));
            println!("again: {}: {again}", executed(again.may_have_executed()));
            return;
        }
        // Four at a time, in order, each group told when it is there.
        for number in (log.recovered().records..).step_by(4) {
            let appended = join_all((number..number + 4).map(|number| {
                let record = content(number, 8 + number as usize % 4000 / 8 * 8);
                log.append(record)
            }));
            assert!(appended.await.iter().all(Result::is_ok));
            println!("done {}", number + 3);
        }
    });
}

/// The process, through a shell that first does `before`.
fn process(test: &str, before: &str, target: &Path, how: &str) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut command = if before.is_empty() {
        Command::new(binary)
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{before} exec \"$@\"")).arg("sh").arg(binary);
        shell
    };
    command
        .args(["--ignored", "--exact", "--nocapture", &format!("crash::{test}")])
        .env(TARGET, target)
        .env(HOW, how)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn run(name: &str, before: &str, target: &Path, how: &str) -> (Output, String) {
    let output = process(name, before, target, how).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn a_write_that_fails_half_way_leaves_the_file_as_it_was_and_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("file");
    fs::write(&target, "old").unwrap();
    // No file may grow beyond some kilobytes; without the signal, writing more is an error like a full disk.
    let (output, text) = run("replaces_the_target_over_and_over", "trap '' XFSZ; ulimit -f 64;", &target, "");
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("failed: may have executed false"), "{text}");
    assert!(text.contains("larger than the file system or the process limit allows"), "{text}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    assert_eq!(temporaries(directory.path()), 0);
}

#[test]
fn a_process_killed_by_a_write_half_way_leaves_the_file_as_it_was() {
    use std::os::unix::process::ExitStatusExt;

    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("file");
    fs::write(&target, "old").unwrap();
    let (output, _) = run("replaces_the_target_over_and_over", "ulimit -c 0; ulimit -f 64;", &target, "");
    assert!(output.status.signal().is_some(), "{output:?}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    // What it died writing had no name, where there are files without names.
    let left = usize::from(!cfg!(target_os = "linux"));
    assert_eq!(temporaries(directory.path()), left, "it died while writing the temporary file");
}

/// Lets processes begin where the one before was killed, and kills each after a number of operations and a bit more
/// that the seed says; `check` is told the last operation that was reported done, and answers where to go on.
fn killed_at_seeded_points(
    test: &str,
    target: &str,
    points: u64,
    check: impl Fn(&Path, Option<u64>) -> u64 + Sync,
) {
    const AT_ONCE: u64 = 4;
    let one_line = |first: u64| {
        let directory = tempfile::tempdir().unwrap();
        let mut next = 0;
        for seed in (first..points).step_by(AT_ONCE as usize) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut child =
                process(test, "", &directory.path().join(target), &next.to_string()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let (operations, spins) = (rng.usize(0..4), rng.u32(0..200_000));
            let done = |line: String| line.split_once("done ").map(|(_, number)| number.parse().unwrap());
            let last = lines.by_ref().map(Result::unwrap).filter_map(done).take(operations + 1).last();
            assert!(last.is_some(), "seed {seed}: it never got that far");
            for _ in 0..spins {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            // It may have got further than was read.
            let last = lines.map_while(Result::ok).filter_map(done).last().or(last);
            next = check(directory.path(), last);
        }
    };
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let one_line = &one_line;
            scope.spawn(move || one_line(first));
        }
    });
}

#[test]
fn a_replacement_killed_at_any_of_500_points_leaves_one_version_as_a_whole() {
    killed_at_seeded_points("replaces_versions_over_and_over", "file", 500, |directory, last| {
        let version = version(&fs::read(directory.join("file")).unwrap());
        assert!(Some(version) >= last, "version {version} after {last:?} was reported");
        version + 1
    });
}

#[test]
fn a_group_killed_at_any_of_100_points_leaves_each_file_old_or_new() {
    killed_at_seeded_points("replaces_groups_over_and_over", "", 100, |directory, last| {
        let versions = (0..FILES).map(|file| version(&fs::read(directory.join(file.to_string())).unwrap()));
        let versions: Vec<u64> = versions.collect();
        let (oldest, newest) = (*versions.iter().min().unwrap(), *versions.iter().max().unwrap());
        assert!(Some(oldest) >= last, "{versions:?} after {last:?} was reported");
        assert!(newest - oldest <= 1, "{versions:?}");
        newest + 1
    });
}

#[test]
fn a_log_killed_at_any_of_100_points_has_all_that_was_reported_and_no_half_record() {
    killed_at_seeded_points("appends_over_and_over", "file", 100, |directory, last| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (fs, path) = (client(), directory.join("file"));
            let records: Vec<_> = fs.log_records(&path, 1 << 20).try_collect().await.unwrap();
            let log = fs.append_log(&path, LogOptions::default()).await.unwrap();
            assert_eq!(log.recovered().records, records.len() as u64);
            for (number, record) in records.iter().enumerate() {
                assert_eq!(version(&record.data), number as u64);
            }
            assert!(records.len() as u64 > last.unwrap(), "{} after {last:?} was reported", records.len());
            records.len() as u64
        })
    });
}
