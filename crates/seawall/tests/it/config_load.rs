//! `Config::load` reads the process's own environment, so each case is a process of its own: this test binary again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Command;

use seawall::Config;

const CHILD: &str = "SEAWALL_TEST_LOAD";

/// What a process in this folder with these variables gets: the deadline of the shutdown, or the error.
fn loaded(folder: &Path, variables: &[(&str, &OsStr)]) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "config_load::the_child_says_what_it_loads", "--nocapture"]).current_dir(folder);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SEAWALL_")) {
        child.env_remove(name);
    }
    let output = child.env(CHILD, "1").envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, said) = text.split_once("loaded: ").unwrap_or_else(|| panic!("the child said {text}"));
    said.lines().next().unwrap().to_owned()
}

#[test]
fn the_child_says_what_it_loads() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    match Config::load() {
        Ok(config) => println!("loaded: {:?}", config.shutdown_deadline),
        Err(error) => println!("loaded: {error}"),
    }
}

#[test]
fn a_file_in_the_working_directory_is_read_if_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(loaded(folder.path(), &[]), "10s");
    std::fs::write(folder.path().join("seawall.toml"), "shutdown_deadline = '3s'").unwrap();
    assert_eq!(loaded(folder.path(), &[]), "3s");
    assert_eq!(loaded(folder.path(), &[("SEAWALL_SHUTDOWN_DEADLINE", "4s".as_ref())]), "4s");
}

#[test]
fn the_file_that_a_variable_names_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("seawall.toml"), "shutdown_deadline = '3s'").unwrap();
    std::fs::write(folder.path().join("other.toml"), "shutdown_deadline = '5s'").unwrap();
    assert_eq!(loaded(folder.path(), &[("SEAWALL_CONFIG", "other.toml".as_ref())]), "5s");
}

#[test]
fn a_variable_that_names_no_file_is_an_error_that_names_both() {
    let folder = tempfile::tempdir().unwrap();
    let error = loaded(folder.path(), &[("SEAWALL_CONFIG", "missing.toml".as_ref())]);
    assert!(
        error.starts_with("configuration file missing.toml, named by environment variable SEAWALL_CONFIG: "),
        "{error}"
    );
    let folder_named = loaded(folder.path(), &[("SEAWALL_CONFIG", folder.path().as_os_str())]);
    assert!(folder_named.contains("cannot be read"), "{folder_named}");
}

#[test]
fn a_variable_that_is_no_text_is_an_error_if_it_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = OsString::from_vec(vec![0xff, 0xfe]);
    assert_eq!(loaded(folder.path(), &[("SOMETHING_ELSE", &bytes)]), "10s");
    assert_eq!(
        loaded(folder.path(), &[("SEAWALL_SHUTDOWN_DEADLINE", &bytes)]),
        "configuration key `shutdown_deadline` is not UTF-8 (from environment variable SEAWALL_SHUTDOWN_DEADLINE)"
    );
}
