//! `test`: every test of the workspace, against servers started once for all of them.

use crate::servers::Servers;
use crate::{Result, run, setup};

pub(crate) fn run(arguments: &[String]) -> Result {
    setup::run(false)?;
    // Dropped, and with that stopped, after the tests, whatever becomes of them.
    let servers = Servers::start()?;
    let mut test = run::cargo(["test", "--all-features", "--no-fail-fast"]);
    if !names_a_crate(arguments) {
        test.arg("--workspace");
    }
    run::run(test.args(arguments).envs(servers.variables()))
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
