use std::io::Write;

use seawall_sim::measure::Across;
use seawall_sim::policy::{self, Policy};
use seawall_sim::report::{json, table};
use seawall_sim::runner::run_seeds;
use seawall_sim::scenario::Scenario;

use super::run::title;
use crate::args::CompareArgs;
use crate::failure::Failure;

/// Plays each scenario with several policies, with the same seeds for all.
pub(crate) fn compare(args: &CompareArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let policies = match args.policies.as_slice() {
        [] => policy::all(),
        names => names.iter().map(|name| super::policy(name)).collect::<Result<_, _>>()?,
    };
    for (_, scenario) in &super::scenarios(&args.files)? {
        if args.json {
            lines(args, scenario, &policies, out)?;
        } else {
            one_table(args, scenario, &policies, out)?;
        }
    }
    if !args.json {
        for policy in &policies {
            writeln!(out, "{}: {}", policy.name(), policy.about())?;
        }
    }
    Ok(())
}

fn lines(
    args: &CompareArgs,
    scenario: &Scenario,
    policies: &[Box<dyn Policy>],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    for policy in policies {
        let across = play(args, scenario, &**policy);
        json::write(out, &scenario.name, &**policy, &args.seeds.0, &across)?;
        out.flush()?;
    }
    Ok(())
}

fn one_table(
    args: &CompareArgs,
    scenario: &Scenario,
    policies: &[Box<dyn Policy>],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let across: Vec<_> = policies.iter().map(|policy| (&**policy, play(args, scenario, &**policy))).collect();
    writeln!(out, "{}, {} seeds", title(scenario), args.seeds.0.end - args.seeds.0.start)?;
    table::comparison(out, &across)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

fn play(args: &CompareArgs, scenario: &Scenario, policy: &dyn Policy) -> Across {
    let runs = run_seeds(scenario, policy, args.seeds.0.clone(), |_, _| ());
    Across::new(&runs).expect("there is at least one seed")
}
