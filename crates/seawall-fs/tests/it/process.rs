//! Tests that change something of their whole process, and so have one of their own: this very test binary, told to run
//! that one test only.
#![cfg(unix)]

use std::ffi::OsString;
use std::process::Command;

const OWN: &str = "SEAWALL_FS_OWN_PROCESS";

/// Runs `work` in a process of its own. `test` is the path of the test that calls this.
pub(crate) fn in_a_process_of_its_own(test: &str, work: impl AsyncFnOnce()) {
    in_a_process_made_by(&[], test, work);
}

/// Runs `work` in a process of its own that sees its own mounts, and may mount what it likes.
pub(crate) fn among_mounts_of_its_own(test: &str, work: impl AsyncFnOnce()) {
    let root = rustix::process::geteuid().is_root();
    let unshare: &[&str] =
        if root { &["unshare", "--mount"] } else { &["unshare", "--mount", "--user", "--map-root-user"] };
    in_a_process_made_by(unshare, test, work);
}

fn in_a_process_made_by(wrapper: &[&str], test: &str, work: impl AsyncFnOnce()) {
    if std::env::var_os(OWN).is_some_and(|own| own == test) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(work());
    }
    let mut words: Vec<OsString> = wrapper.iter().map(OsString::from).collect();
    words.push(std::env::current_exe().unwrap().into());
    words.extend(["--exact", "--nocapture", test].map(OsString::from));
    let ended = Command::new(&words[0]).args(&words[1..]).env(OWN, test).output().unwrap();
    let said = format!(
        "{words:?}: {}\n{}\n{}",
        ended.status,
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

/// Runs a program of the system.
pub(crate) fn run(words: &[&str]) {
    let ended = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
}
