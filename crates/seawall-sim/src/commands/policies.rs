use std::io::{self, Write};

use seawall_sim::policy;

/// Lists the policies.
pub(crate) fn policies(out: &mut dyn Write) -> io::Result<()> {
    let all = policy::all();
    let width = all.iter().map(|policy| policy.name().len()).max().unwrap_or(0);
    all.iter().try_for_each(|policy| writeln!(out, "{:width$}  {}", policy.name(), policy.about()))
}
