//! `setup`: what the tests need from the system, installed where that is possible and named where it is not.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use seawall_testkit::servers::Binary;

use crate::{Result, run, servers};

const ARIA2C: Binary = Binary { name: "aria2c", package: "aria2" };
const CURL: Binary = Binary { name: "curl", package: "curl" };
const SQLITE3: Binary = Binary { name: "sqlite3", package: "sqlite3" };
const APT_GET: Binary = Binary { name: "apt-get", package: "apt" };

pub(crate) fn run(bench: bool) -> Result {
    let mut needed = servers::needed();
    if bench {
        needed.extend([ARIA2C, CURL, SQLITE3]);
    }
    let packages = missing(&needed);
    if packages.is_empty() {
        return Ok(());
    }
    let list = Vec::from_iter(packages.clone()).join(" ");
    let Some(mut sh) = privileged("sh") else {
        return Err(format!("not installed: {list}; as root, run `apt-get install {list}`").into());
    };
    run::run(sh.arg(run::root().join("xtask/install-packages.sh")).args(&packages).stdin(Stdio::null()))?;

    let missing = Vec::from_iter(missing(&needed));
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("installed, and yet programs are missing from these packages: {}", missing.join(" ")).into())
}

/// The packages of the programs that are not there.
fn missing(needed: &[Binary]) -> BTreeSet<&'static str> {
    needed.iter().filter(|binary| binary.find().is_err()).map(|binary| binary.package).collect()
}

/// A command with the right to install packages, where that needs no password.
fn privileged(program: &str) -> Option<Command> {
    APT_GET.find().ok()?;
    if fs::metadata("/proc/self").ok()?.uid() == 0 {
        return Some(Command::new(program));
    }
    let asked = Command::new("sudo").args(["-n", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", program]);
    asked.is_ok_and(|status| status.success()).then_some(sudo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_asked_for_by_its_package_once() {
        let absent = Binary { name: "no-such-server", package: "no-such-package" };
        let sibling = Binary { name: "no-such-client", package: "no-such-package" };
        let present = Binary { name: "sh", package: "dash" };
        assert_eq!(missing(&[present, absent, sibling]), BTreeSet::from(["no-such-package"]));
    }
}
