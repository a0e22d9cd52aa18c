use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use seawall_sim::measure::{Across, summarize};
use seawall_sim::policy::Policy;
use seawall_sim::report::html::Section;
use seawall_sim::report::{json, table, trace};
use seawall_sim::runner::run_seeds;
use seawall_sim::scenario::Scenario;
use seawall_sim::shell::{COMMAND, quoted};
use seawall_sim::world::{self, Run};

use super::{report, title};
use crate::args::RunArgs;
use crate::failure::Failure;

/// Plays each scenario with one policy.
pub(crate) fn run(args: &RunArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let policy = super::policy(&args.policy)?;
    let scenarios = super::scenarios(&args.files, &args.settings)?;
    if args.trace.is_some() && scenarios.len() > 1 {
        return Err(Failure::Input("a trace is of one scenario, and here are several".to_owned()));
    }
    if args.trace.as_deref().is_some_and(|trace| args.output.report() == Some(trace)) {
        return Err(Failure::Input("the trace and the report are the same file".to_owned()));
    }
    report::prepare(&args.output)?;
    let mut sections = Vec::new();
    for (file, scenario) in &scenarios {
        let across = match args.seed {
            Some(seed) => replay(args, scenario, &*policy, seed, out)?,
            None => all_seeds(args, file, scenario, &*policy, out)?,
        };
        out.flush()?;
        if args.output.report().is_some() {
            sections.push(Section { scenario, policies: vec![report::result(scenario, &*policy, across)] });
        }
    }
    report::write(&args.output, policy.name(), sections, out)
}

fn replay(
    args: &RunArgs,
    scenario: &Scenario,
    policy: &dyn Policy,
    seed: u64,
    out: &mut dyn Write,
) -> Result<Across, Failure> {
    let run = world::run(scenario, policy, seed);
    if let Some(file) = &args.trace {
        write_trace(file, &run).map_err(|cause| Failure::File { file: file.clone(), cause })?;
    }
    let summary = summarize(scenario, &run);
    if args.output.json {
        json::write(out, &scenario.name, policy, &(seed..seed + 1), &summary)?;
    } else {
        writeln!(out, "{}, {}, seed {seed}", title(scenario), policy.name())?;
        table::one_seed(out, &summary)?;
        writeln!(out)?;
    }
    Ok(Across::new(&[(seed, summary)]).expect("there is one seed"))
}

fn write_trace(file: &Path, run: &Run) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    trace::write(&mut out, run)?;
    out.flush()
}

fn all_seeds(
    args: &RunArgs,
    file: &Path,
    scenario: &Scenario,
    policy: &dyn Policy,
    out: &mut dyn Write,
) -> Result<Across, Failure> {
    let runs = run_seeds(scenario, policy, args.seeds.0.clone(), |_, _| ());
    let across = Across::new(&runs).expect("there is at least one seed");
    if args.output.json {
        json::write(out, &scenario.name, policy, &args.seeds.0, &across)?;
    } else {
        writeln!(out, "{}, {}, {}", title(scenario), policy.name(), args.seeds)?;
        table::many_seeds(out, &across)?;
        let file = quoted(&file.to_string_lossy());
        let (policy, seed) = (policy.name(), across.goodput.worst_seed);
        let set: Vec<_> = args.settings.iter().map(|setting| setting.argument() + " ").collect();
        let set = set.concat();
        writeln!(out, "the worst again, with all that happened:")?;
        writeln!(out, "  {COMMAND} run {file} {set}--policy {policy} --seed {seed} --trace trace.ndjson\n")?;
    }
    Ok(across)
}
