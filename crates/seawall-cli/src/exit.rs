//! How the binary ends and what it prints then: the exit codes, in one place, as `--help` lists them.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

/// Something failed; what was committed stays.
pub(crate) const FAILED: u8 = 1;
/// The arguments or the configuration cannot be used. clap exits with it too.
pub(crate) const USAGE: u8 = 2;
/// Stopped by Ctrl-C or a signal: 128 + SIGINT, as shells expect.
pub(crate) const STOPPED: u8 = 130;

/// Says what is wrong on standard error.
pub(crate) fn fail(code: u8, problem: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("seawall: {problem}");
    ExitCode::from(code)
}

/// The same, for a command that was asked for one JSON object: `{"error": …}` is that object.
pub(crate) fn fail_as(json: bool, code: u8, problem: &str) -> ExitCode {
    if json {
        print_json(&serde_json::json!({ "error": problem }));
    }
    fail(code, &problem)
}

/// Prints one JSON object on a line of its own.
pub(crate) fn print_json(object: &impl Serialize) {
    match serde_json::to_string(object) {
        Ok(line) => print_line(&line),
        Err(error) => eprintln!("seawall: the report cannot be written: {error}"),
    }
}

/// Prints a line to standard output. Whoever closed it does not want to read it.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
