//! Runs the `seawall` binary.

use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn seawall() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    command
        .env_remove("SEAWALL_DATABASE_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// `seawall ingest SOURCE --into URL --table ticks --json`, and more.
pub(crate) fn ingest(source: &str, into: &str, more: &[&str]) -> Command {
    let mut command = seawall();
    command.args(["ingest", source, "--into", into, "--table", "ticks", "--json"]).args(more);
    command
}

/// The report that a run printed at its end.
pub(crate) fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| {
        panic!("no report ({error}): {text}\n{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Runs to the end and expects success.
pub(crate) fn succeed(mut command: Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    report(&output)
}

/// Runs to the end, expects this exit code, and gives back everything printed.
pub(crate) fn fail_with(code: i32, mut command: Command) -> String {
    let output = command.output().unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// Sends it a signal, named as `kill` names them.
pub(crate) fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

/// A started process that is killed with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
