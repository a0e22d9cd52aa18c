use std::io::{self, IsTerminal, Write};

use seawall_sim::measure::Across;
use seawall_sim::policy::{self, Policy};
use seawall_sim::report::html::Section;
use seawall_sim::report::{json, table};
use seawall_sim::runner::run_seeds;
use seawall_sim::scenario::Scenario;

use super::{report, title};
use crate::args::CompareArgs;
use crate::failure::Failure;

/// Plays each scenario with several policies, with the same seeds for all.
pub(crate) fn compare(args: &CompareArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let policies = match args.policies.as_slice() {
        [] => policy::all(),
        names => names.iter().map(|name| super::policy(name)).collect::<Result<_, _>>()?,
    };
    let scenarios = super::scenarios(&args.files, &args.settings)?;
    report::prepare(&args.output)?;
    let mut sections = Vec::new();
    for (_, scenario) in &scenarios {
        let results = play(args, scenario, &policies, out)?;
        if !args.output.json {
            writeln!(out, "{}, {}", title(scenario), args.seeds)?;
            table::comparison(out, &results)?;
            writeln!(out)?;
        }
        out.flush()?;
        if args.output.report().is_some() {
            let policies = results.into_iter();
            let policies = policies.map(|(policy, across)| report::result(scenario, policy, across));
            sections.push(Section { scenario, policies: policies.collect() });
        }
    }
    if !args.output.json {
        for policy in &policies {
            writeln!(out, "{}: {}", policy.name(), policy.about())?;
        }
        writeln!(out)?;
    }
    report::write(&args.output, "Policies compared", sections, out)
}

/// Plays a scenario with each policy. As JSON, a result is told as soon as it is known.
fn play<'a>(
    args: &CompareArgs,
    scenario: &Scenario,
    policies: &'a [Box<dyn Policy>],
    out: &mut dyn Write,
) -> Result<Vec<(&'a dyn Policy, Across)>, Failure> {
    let mut results = Vec::new();
    for policy in policies {
        progress(&format!(
            "{}: {}, {} of {}",
            scenario.name,
            policy.name(),
            results.len() + 1,
            policies.len()
        ));
        let runs = run_seeds(scenario, &**policy, args.seeds.0.clone(), |_, _| ());
        let across = Across::new(&runs).expect("there is at least one seed");
        if args.output.json {
            json::write(out, &scenario.name, &**policy, &args.seeds.0, &across)?;
            out.flush()?;
        }
        results.push((&**policy, across));
    }
    progress("");
    Ok(results)
}

/// Says on a terminal, in a line that the next takes the place of, what is under way.
fn progress(text: &str) {
    let mut terminal = io::stderr();
    if terminal.is_terminal() {
        // Whoever cannot be told so need not know.
        let _ = write!(terminal, "\r\x1b[K{text}");
    }
}
