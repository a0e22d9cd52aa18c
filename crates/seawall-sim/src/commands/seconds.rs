use std::io::Write;

use seawall_sim::measure::by_second;
use seawall_sim::report::over_time;
use seawall_sim::world;

use super::title;
use crate::args::SecondsArgs;
use crate::failure::Failure;

/// Plays one seed with several policies, and tells their goodput as time goes on.
pub(crate) fn seconds(args: &SecondsArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let policies: Vec<_> = args.policies.iter().map(|name| super::policy(name)).collect::<Result<_, _>>()?;
    for (_, scenario) in &super::scenarios(std::slice::from_ref(&args.file), &args.settings)? {
        let play = |policy| by_second(scenario, &world::run(scenario, policy, args.seed));
        let played: Vec<_> = policies.iter().map(|policy| (policy.name(), play(&**policy))).collect();
        writeln!(out, "{}, seed {}", title(scenario), args.seed)?;
        over_time(out, args.step.get(), &played)?;
    }
    Ok(())
}
