//! What is said of a run at its end.

use std::process::ExitCode;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::exit::{FAILED, STOPPED, print_json, print_line};

/// How a run ended.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) files: usize,
    pub(super) fetched: usize,
    /// Those that were there already.
    pub(super) kept: usize,
    /// Bytes received.
    pub(super) bytes: u64,
    /// Transfers taken up again after they broke.
    pub(super) resumed: u64,
    pub(super) seconds: f64,
    pub(super) stopped: bool,
    pub(super) failed: Vec<Failure>,
}

#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) name: String,
    pub(super) error: String,
}

pub(super) fn show(report: &Report, json: bool) {
    if json {
        print_json(report);
    } else {
        print_line(&format!(
            "{} fetched ({}) in {:.1} s, {} there already",
            HumanCount(report.fetched as u64),
            HumanBytes(report.bytes),
            report.seconds,
            HumanCount(report.kept as u64),
        ));
    }
    for Failure { name, error } in &report.failed {
        eprintln!("{name}: {error}");
    }
    if !report.failed.is_empty() {
        eprintln!(
            "{} of {} files are not there; run the same command again to try those once more",
            HumanCount(report.failed.len() as u64),
            HumanCount(report.files as u64)
        );
    }
    if report.stopped {
        eprintln!("stopped; run the same command again to go on");
    }
}

pub(super) fn code(report: &Report) -> ExitCode {
    if report.stopped {
        ExitCode::from(STOPPED)
    } else if report.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}
