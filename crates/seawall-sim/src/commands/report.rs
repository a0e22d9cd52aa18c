use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::thread;

use seawall_sim::measure::Across;
use seawall_sim::policy::Policy;
use seawall_sim::report::html::{Course, PolicyResult, Report, Section, render};
use seawall_sim::scenario::Scenario;
use seawall_sim::shell::{COMMAND, quoted};
use seawall_sim::world;

use crate::args::Output;
use crate::failure::Failure;

/// What the report says of a policy. The two runs that are drawn, if they are two, are played again.
pub(super) fn result(scenario: &Scenario, policy: &dyn Policy, across: Across) -> PolicyResult {
    let course = |seed| Course::of(scenario, seed, &world::run(scenario, policy, seed));
    let (median_seed, worst_seed) = (across.goodput.median_seed, across.goodput.worst_seed);
    let (median, worst) = thread::scope(|scope| {
        let worst = scope.spawn(|| course(worst_seed));
        let median = (median_seed != worst_seed).then(|| course(median_seed));
        let worst = worst.join().expect("the run did not panic when it was played before");
        (median.unwrap_or_else(|| worst.clone()), worst)
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

/// Makes sure, before anything is played, that the report can be written, and makes the folders it is to lie in.
pub(super) fn prepare(output: &Output) -> Result<(), Failure> {
    let Some(file) = output.report() else { return Ok(()) };
    fs::create_dir_all(file.parent().unwrap_or(Path::new("")))
        .and_then(|()| OpenOptions::new().append(true).create(true).open(file))
        .map_err(|cause| Failure::File { file: file.to_owned(), cause })?;
    Ok(())
}

/// Writes the report, if there is to be one, and says where it is.
pub(super) fn write(
    output: &Output,
    title: &str,
    sections: Vec<Section<'_>>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Some(file) = output.report() else { return Ok(()) };
    let report = Report { title: title.to_owned(), command: command(), sections };
    fs::write(file, render(&report)).map_err(|cause| Failure::File { file: file.to_owned(), cause })?;
    if !output.json {
        writeln!(out, "report: {}", file.display())?;
    }
    Ok(())
}

/// The command that was given.
fn command() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| quoted(&argument.to_string_lossy()));
    std::iter::once(COMMAND.to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}
