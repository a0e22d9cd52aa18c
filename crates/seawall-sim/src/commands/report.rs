use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;

use seawall_sim::measure::Across;
use seawall_sim::policy::Policy;
use seawall_sim::report::html::{History, PolicyResult, Report, Section, render};
use seawall_sim::scenario::Scenario;
use seawall_sim::world;

use crate::args::Output;
use crate::failure::Failure;

/// What the report says of a policy. The two runs that are drawn are played again.
pub(super) fn result(scenario: &Scenario, policy: &dyn Policy, across: Across) -> PolicyResult {
    let history = |seed| History::of(scenario, seed, &world::run(scenario, policy, seed));
    let (median_seed, worst_seed) = (across.goodput.median_seed, across.goodput.worst_seed);
    let (median, worst) = thread::scope(|scope| {
        let worst = scope.spawn(|| history(worst_seed));
        (history(median_seed), worst.join().expect("the run did not panic when it was played before"))
    });
    PolicyResult {
        name: policy.name().to_owned(),
        about: policy.about().to_owned(),
        model: policy.is_model(),
        across,
        median,
        worst,
    }
}

/// Writes the report, if there is to be one, and the folders it is to lie in; and says where it is.
pub(super) fn write(
    output: &Output,
    title: &str,
    sections: Vec<Section<'_>>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Some(file) = output.report() else { return Ok(()) };
    let report = Report { title: title.to_owned(), command: command(), sections };
    fs::create_dir_all(file.parent().unwrap_or(Path::new("")))
        .and_then(|()| fs::write(file, render(&report)))
        .map_err(|cause| Failure::File { file: file.to_owned(), cause })?;
    if !output.json {
        writeln!(out, "report: {}", file.display())?;
    }
    Ok(())
}

/// The command that was given, with quotes where a shell wants them.
fn command() -> String {
    let quoted = |argument: String| {
        let plain = |char: char| char.is_alphanumeric() || "-_./,=:".contains(char);
        if argument.chars().all(plain) { argument } else { format!("'{}'", argument.replace('\'', r"'\''")) }
    };
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("seawall-sim".to_owned()).chain(arguments.map(quoted)).collect::<Vec<_>>().join(" ")
}
