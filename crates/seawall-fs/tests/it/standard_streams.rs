//! The standard streams of a process: this test binary again, told to run one test only.
#![cfg(unix)]

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use seawall_fs::standard_streams::{stderr, stdin, stdout};

const MODE: &str = "SEAWALL_FS_STREAMS";

fn process(mode: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "standard_streams::a_process_that_uses_its_streams"])
        .env(MODE, mode)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the other tests of this module run it, in a process of its own"]
fn a_process_that_uses_its_streams() {
    let Ok(mode) = std::env::var(MODE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (input, output) = (stdin(), stdout());
        if mode == "hang" {
            // Nobody writes to us ever. Neither the read nor the runtime that goes away may keep the process alive.
            let waiting = tokio::spawn(async move { input.next_line(100).await });
            tokio::task::yield_now().await;
            waiting.abort();
            output.write_bytes("not hanging\n").await.unwrap();
            return output.flush().await.unwrap();
        }
        while let Some(line) = input.next_line(1 << 20).await.unwrap() {
            let line = String::from_utf8(line.into()).unwrap();
            output.write_bytes(format!("echo {line}\n")).await.unwrap();
            stderr().write_bytes(format!("{} bytes\n", line.len())).await.unwrap();
        }
        assert!(!stdout().is_terminal() && !stdin().is_terminal());
        output.flush().await.unwrap();
        stderr().flush().await.unwrap();
    });
    drop(runtime);
    // The rest of the test harness's words must not wait for anything either.
    std::process::exit(0);
}

#[test]
fn lines_go_in_and_out_in_order() {
    let mut child = process("echo");
    let mut to = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        for number in 0..5000 {
            writeln!(to, "line {number}").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let echoed: Vec<_> = text.lines().filter(|line| line.starts_with("echo ")).collect();
    assert_eq!(echoed.len(), 5000, "{output:?}", output = String::from_utf8_lossy(&output.stderr));
    assert!(echoed.iter().enumerate().all(|(number, line)| *line == format!("echo line {number}")));
    assert!(String::from_utf8(output.stderr).unwrap().ends_with("9 bytes\n"));
    assert!(output.status.success());
}

#[test]
fn a_read_that_waits_for_ever_keeps_no_process_alive() {
    let mut child = process("hang");
    let _open_but_silent = child.stdin.take().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("not hanging"), "{text}");
    assert!(child.wait().unwrap().success());
}
