//! Processes that die while they write. The process is this very test binary, told to run one test only.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::{client, temporaries};

const TARGET: &str = "SEAWALL_FS_CRASH_TARGET";
const LENGTH: usize = 1 << 20;

#[test]
#[ignore = "the other tests of this module run it, in a process that dies"]
fn replaces_the_target_over_and_over() {
    let Some(target) = std::env::var_os(TARGET) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fs = client();
        for version in (b'a'..=b'z').cycle() {
            match fs.write_atomic(&target, vec![version; LENGTH]).await {
                Ok(()) => println!("replaced"),
                Err(error) => {
                    return println!("failed: may have executed {}: {error}", error.may_have_executed());
                }
            }
        }
    });
}

/// The process, through a shell that first does `before`.
fn process(before: &str, target: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{before} exec \"$@\""))
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "crash::replaces_the_target_over_and_over"])
        .env(TARGET, target)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(before: &str, target: &Path) -> (Output, String) {
    let output = process(before, target).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn a_write_that_fails_half_way_leaves_the_file_as_it_was_and_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("file");
    fs::write(&target, "old").unwrap();
    // No file may grow beyond some kilobytes; without the signal, writing more is an error like a full disk.
    let (output, text) = run("trap '' XFSZ; ulimit -f 64;", &target);
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
    let (output, _) = run("ulimit -c 0; ulimit -f 64;", &target);
    assert!(output.status.signal().is_some(), "{output:?}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    // What it died writing had no name, where there are files without names.
    let left = usize::from(!cfg!(target_os = "linux"));
    assert_eq!(temporaries(directory.path()), left, "it died while writing the temporary file");
}

#[test]
fn a_process_killed_at_any_moment_leaves_one_version_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("file");
    for replacements in 1..=12 {
        let mut child = process("", &target).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let replaced =
            lines.filter(|line| line.as_ref().unwrap().contains("replaced")).take(replacements).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(replaced, replacements);
        let content = fs::read(&target).unwrap();
        assert_eq!(content.len(), LENGTH);
        assert!(content.iter().all(|byte| byte == &content[0]));
    }
}
