//! `ci`: everything a change has to pass. Goes on after a failure, so that one run tells all there is to mend.

use std::fmt;
use std::time::{Duration, Instant};

use crate::{Result, bench, deny, run, sim, test, tidy, workspace};

/// Seeds enough to see a promise broken, in under a minute; `cargo xtask sim` plays them all.
const SMOKE_SEEDS: u64 = 5;

pub(crate) fn run() -> Result {
    let reports = [
        report("lock", lock),
        report("fmt", fmt),
        report("clippy", clippy),
        report("tidy", tidy::run),
        report("deny", deny::run),
        report("docs", docs),
        report("test", test::seeded),
        report("sim", || sim::check(SMOKE_SEEDS)),
    ];

    eprintln!();
    for report in &reports {
        eprintln!("{report}");
    }
    let failed: Vec<_> = reports.iter().filter(|report| !report.passed).map(|report| report.name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

/// The lock file is complete: nobody's build resolves anything anew.
fn lock() -> Result {
    run::run(&mut run::cargo(["fetch", "--locked"]))
}

fn fmt() -> Result {
    run::run(&mut run::cargo(["fmt", "--all", "--check"]))?;
    run::run(&mut run::cargo(["fmt", "--manifest-path", bench::MANIFEST, "--", "--check"]))
}

fn clippy() -> Result {
    let arguments = ["clippy", "--workspace", "--all-features", "--all-targets", "--", "-D", "warnings"];
    run::run(&mut run::cargo(arguments))?;
    // A workspace of its own, which shares what is built already.
    let target = workspace::target_directory()?;
    let mut benches = run::cargo(["clippy", "--all-targets", "--manifest-path", bench::MANIFEST]);
    run::run(benches.arg("--target-dir").arg(target).args(["--", "-D", "warnings"]))
}

fn docs() -> Result {
    let mut doc = run::cargo(["doc", "--workspace", "--all-features", "--no-deps"]);
    run::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

struct Report {
    name: &'static str,
    passed: bool,
    took: Duration,
}

#[expect(clippy::disallowed_methods, reason = "how long a step really took is what is asked")]
fn report(name: &'static str, step: fn() -> Result) -> Report {
    eprintln!("\n=== {name} ===");
    let start = Instant::now();
    let outcome = step();
    let took = start.elapsed();
    if let Err(error) = &outcome {
        eprintln!("error: {error}");
    }
    let report = Report { name, passed: outcome.is_ok(), took };
    eprintln!("{report}");
    report
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed { "passed" } else { "FAILED" };
        write!(f, "{:<8}{verdict} in {:.1} s", self.name, self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_reported_as_failed() {
        assert!(report("fine", || Ok(())).passed);
        let report = report("broken", || Err("no".into()));
        assert!(!report.passed);
        assert!(report.to_string().starts_with("broken  FAILED in "), "{report}");
    }
}
