//! How the binary ends and what it prints then: the exit codes, in one place, as `--help` lists them.

use std::io::Write;
use std::process::ExitCode;

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

/// Prints a line to standard output. Whoever closed it does not want to read it.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
