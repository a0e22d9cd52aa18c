use std::io::{self, Write};

use seawall_sim::properties;

use crate::args::HistoryArgs;

/// Prints the random history of a seed, as a scenario's file.
pub(crate) fn history(args: &HistoryArgs, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}", properties::history(args.seed))
}
