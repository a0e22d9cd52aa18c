//! Licences, sources and owners of dependencies, by `cargo deny`.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::{Result, run};

const VERSION: &str = "0.20.2";

/// The advisories need a network and change without a change of ours: they are checked nightly, not here.
pub(crate) fn run() -> Result {
    let Some(cargo_deny) = find()? else {
        eprintln!(
            "NOT CHECKED: cargo-deny is missing; `cargo install cargo-deny --version {VERSION} --locked`"
        );
        return Ok(());
    };
    // It reads the manifests of every dependency for every system and is not allowed to fetch them.
    run::run(&mut run::cargo(["fetch", "--locked", "--quiet"]))?;
    let mut check = Command::new(cargo_deny);
    check.current_dir(run::root()).args([
        "--offline",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    run::run(&mut check)
}

/// The advisories against our dependencies, as they are known today.
pub(crate) fn advisories() -> Result {
    let cargo_deny = find()?.ok_or_else(|| format!("cargo-deny {VERSION} is missing"))?;
    run::run(Command::new(cargo_deny).current_dir(run::root()).args(["check", "advisories"]))
}

/// `cargo-deny`, installed under `target` when this is a CI machine without one.
fn find() -> Result<Option<PathBuf>> {
    let ours = run::root().join("target/tools");
    let candidates = [PathBuf::from("cargo-deny"), ours.join("bin/cargo-deny")];
    if let Some(found) = candidates.iter().find(|candidate| works(candidate)) {
        return Ok(Some(found.clone()));
    }
    if env::var("CI").as_deref() != Ok("true") {
        return Ok(None);
    }
    // Unoptimised: it takes seconds to run and minutes to optimise.
    let mut install =
        run::cargo(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--root"]);
    run::run(install.arg(&ours).env("CARGO_PROFILE_DEV_DEBUG", "false"))?;
    Ok(Some(ours.join("bin/cargo-deny")))
}

fn works(cargo_deny: &PathBuf) -> bool {
    let mut version = Command::new(cargo_deny);
    version
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
