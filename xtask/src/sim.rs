//! `sim`: whether the default stack keeps what it promises, in simulation.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::{Result, run};

/// As many seeds as the promises are made for, in at most ten minutes on two cores.
pub(crate) const ALL_SEEDS: u64 = 100;

/// The page whose tables are the simulator's output.
const PAGE: &str = "docs/stability.md";

/// Judges every property with so many seeds.
pub(crate) fn check(seeds: u64) -> Result {
    run::run(simulator().args(["check", "--seeds", &seeds.to_string()]))
}

/// Measures anew all that the page shows. Each of its tables stands between two comments, of which the first is the
/// simulator's arguments.
pub(crate) fn write_page() -> Result {
    let path = run::root().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE} cannot be read: {error}"))?;
    let page = rewrite(&page, |arguments| {
        let mut command = simulator();
        measured(command.args(arguments))
    })?;
    fs::write(&path, page).map_err(|error| format!("{PAGE} cannot be written: {error}").into())
}

/// Simulations are long: optimised, they are short.
fn simulator() -> Command {
    run::cargo(["run", "--profile", "sim", "--quiet", "-p", "seawall-sim", "--"])
}

/// What a simulation printed. A promise that is not kept is an outcome like others; no outcome is a failure.
fn measured(command: &mut Command) -> Result<String> {
    eprintln!("$ {}", run::show(command));
    let Output { stdout, status, .. } = command.stderr(Stdio::inherit()).output()?;
    if stdout.is_empty() || status.code().is_none_or(|code| code > 1) {
        return Err(format!("it ended with {status}").into());
    }
    Ok(String::from_utf8(stdout)?)
}

const BEGIN: &str = "<!-- seawall-sim ";
const END: &str = "<!-- end -->";

fn rewrite(page: &str, mut measure: impl FnMut(&[&str]) -> Result<String>) -> Result<String> {
    let mut written = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        let Some(command) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let arguments: Vec<_> = command.split_whitespace().collect();
        let output = measure(&arguments)?;
        let output = output.trim_end();
        // A table for terminals stays as it is.
        let fence = if arguments.contains(&"--markdown") { ["\n", "\n"] } else { ["```text\n", "```\n"] };
        written.extend([fence[0], output, "\n", fence[1], END, "\n"]);
        if !lines.any(|line| line == END) {
            return Err(format!("{PAGE}: `{line}` has no `{END}`").into());
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_comments_is_measured_anew_and_all_else_is_left_alone() {
        let page = "before\n<!-- seawall-sim check P1 --markdown -->\nold\n<!-- end -->\nbetween\n\
                    <!-- seawall-sim run x.toml -->\n<!-- end -->\nafter\n";
        let told = |arguments: &[&str]| Ok(format!("{}\n", arguments.join("+")));
        let expected = "before\n<!-- seawall-sim check P1 --markdown -->\n\ncheck+P1+--markdown\n\n<!-- end -->\n\
                        between\n<!-- seawall-sim run x.toml -->\n```text\nrun+x.toml\n```\n<!-- end -->\nafter\n";
        let once = rewrite(page, told).unwrap();
        assert_eq!(once, expected);
        assert_eq!(rewrite(&once, told).unwrap(), expected);
    }

    #[test]
    fn a_table_without_an_end_is_an_error() {
        let error = rewrite("<!-- seawall-sim check -->\n", |_| Ok(String::new())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "docs/stability.md: `<!-- seawall-sim check -->` has no `<!-- end -->`"
        );
    }
}
