//! `test`: every test of the workspace, against servers started once for all of them.

use std::path::Path;

use crate::servers::Servers;
use crate::{Result, run, setup};

/// The seed that property tests have where the same change must get the same answer twice.
const SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "20261121");

/// The whole suite with the same random inputs at every run. Who runs the tests by hand searches among others each time.
pub(crate) fn seeded() -> Result {
    tests(&[], Some(SEED))
}

pub(crate) fn run(arguments: &[String]) -> Result {
    tests(arguments, None)
}

fn tests(arguments: &[String], seed: Option<(&str, &str)>) -> Result {
    setup::run(false)?;
    if !Path::new("/dev/fuse").exists() {
        println!("NOT tested: files under a used-up quota, because this system has no /dev/fuse");
    }
    // Dropped, and with that stopped, after the tests, whatever becomes of them.
    let servers = Servers::start()?;
    let mut test = run::cargo(["test", "--all-features", "--no-fail-fast"]);
    if !names_a_crate(arguments) {
        test.arg("--workspace");
    }
    run::run(test.args(arguments).envs(servers.variables()).envs(seed))
}

fn names_a_crate(arguments: &[String]) -> bool {
    let before_the_tests_own = arguments.iter().take_while(|argument| *argument != "--");
    before_the_tests_own
        .into_iter()
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cargos_own_arguments_name_a_crate() {
        let names = |line: &str| names_a_crate(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(names("-p seawall-sql --lib"));
        assert!(names("--package=seawall-sql"));
        assert!(!names("--lib -- -p"));
        assert!(!names("pool"));
    }
}
