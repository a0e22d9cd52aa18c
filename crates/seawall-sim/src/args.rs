use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::seeds::Seeds;

/// Plays overload and outages against the ways to guard calls, and says what comes of it.
#[derive(Debug, Parser)]
#[command(name = "seawall-sim", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  What becomes of Seawall's default stack when four fifths of the capacity are gone:
    seawall-sim run scenarios/capacity-cut.toml
  The same for every policy, or for some:
    seawall-sim compare scenarios/capacity-cut.toml
    seawall-sim compare scenarios/*.toml --policies seawall,none --seeds 20
  One seed again, with all that happened:
    seawall-sim run scenarios/capacity-cut.toml --seed 17 --trace trace.ndjson
  With seeds that nobody has tuned for:
    seawall-sim compare scenarios/capacity-cut.toml --seeds 1000..1100

Exit codes: 0 done · 1 a check failed, or a file could not be written · 2 wrong usage, or a scenario that is none";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Compare(CompareArgs),
    /// Lists the policies.
    Policies,
}

/// Plays scenarios with one policy.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Scenarios, each a TOML file.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The policy; `seawall-sim policies` lists them.
    #[arg(long, value_name = "NAME", default_value = "seawall")]
    pub(crate) policy: String,
    /// With how many seeds, or with which: 100 or 100..200.
    #[arg(long, value_name = "SEEDS", default_value = "100")]
    pub(crate) seeds: Seeds,
    /// With this seed alone.
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    #[arg(value_parser = clap::value_parser!(u64).range(..u64::MAX))]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Writes all that happened to a file, one JSON object a line.
    #[arg(long, value_name = "FILE", requires = "seed")]
    pub(crate) trace: Option<PathBuf>,
}

/// Plays scenarios with several policies, which all meet the same calls and the same chance.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Scenarios, each a TOML file.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Only these; all unless given.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) policies: Vec<String>,
    /// With how many seeds, or with which: 100 or 100..200.
    #[arg(long, value_name = "SEEDS", default_value = "100")]
    pub(crate) seeds: Seeds,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is shown, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// One JSON object a line, for each scenario and policy, in place of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where to write the report with the plots [default: target/seawall-sim.html; with --json: nowhere].
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Writes no report.
    #[arg(long, conflicts_with = "report")]
    no_report: bool,
}

impl Output {
    /// Where the report goes, if there is to be one.
    pub(crate) fn report(&self) -> Option<&Path> {
        let default = (!self.json && !self.no_report).then(|| Path::new("target/seawall-sim.html"));
        self.report.as_deref().or(default)
    }
}
