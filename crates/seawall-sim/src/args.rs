use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use seawall_sim::properties::Property;
use seawall_sim::scenario::Setting;

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
  The same at another load, from another number of clients:
    seawall-sim run scenarios/capacity-cut.toml --set clients.rate=600 --set clients.count=500
  Whether the default stack keeps all it promises, or something of it:
    seawall-sim check
    seawall-sim check P1 P4 --seeds 5
  One seed again, with all that happened:
    seawall-sim run scenarios/capacity-cut.toml --seed 17 --trace trace.ndjson
  With seeds that nobody has tuned for:
    seawall-sim compare scenarios/capacity-cut.toml --seeds 1000..1100

Exit codes: 0 done · 1 a check failed, or a file could not be written · 2 wrong usage, or a scenario that is none";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Compare(CompareArgs),
    Check(CheckArgs),
    History(HistoryArgs),
    Seconds(SecondsArgs),
    TradeOff(TradeOffArgs),
    /// Lists the policies.
    Policies,
}

/// Plays scenarios with one policy.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Scenarios, each a TOML file.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Sets a key of the scenarios otherwise: `clients.count=500`, `triggers.0.share=0.9`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Setting>,
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
    // Said twice: a seed that other seeds rule out is required no more.
    #[arg(long, value_name = "FILE", requires = "seed", conflicts_with = "seeds")]
    pub(crate) trace: Option<PathBuf>,
}

/// Plays scenarios with several policies, which all meet the same calls and the same chance.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Scenarios, each a TOML file.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Sets a key of the scenarios otherwise: `clients.count=500`, `triggers.0.share=0.9`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Setting>,
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

/// Judges what the default stack promises: every property, for every seed.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Only these; all but the held-out scenarios unless given.
    #[arg(value_name = "PROPERTY", ignore_case = true)]
    pub(crate) properties: Vec<Property>,
    /// Only the cases whose name holds this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) case: Option<String>,
    /// With how many seeds, or with which: 100 or 100..200.
    #[arg(long, value_name = "SEEDS", default_value = "100")]
    pub(crate) seeds: Seeds,
    /// With this seed alone.
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    #[arg(value_parser = clap::value_parser!(u64).range(..u64::MAX))]
    pub(crate) seed: Option<u64>,
    /// One JSON object for each figure, in place of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Tables in Markdown.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

/// Plays one seed with several policies, and tells their goodput as time goes on: what the plots show, as numbers.
#[derive(Debug, clap::Args)]
pub(crate) struct SecondsArgs {
    /// A scenario, a TOML file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Sets a key of the scenario otherwise: `clients.count=500`, `triggers.0.share=0.9`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Setting>,
    /// The policies.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "seawall,none")]
    pub(crate) policies: Vec<String>,
    /// The seed.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// How many seconds to put together.
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    pub(crate) step: NonZeroUsize,
}

/// Measures what P4 gains by what P2 pays, for several sizes of the retry budget and beside other policies: how ADR 0006
/// chose. Prints the numbers, in Markdown.
#[derive(Debug, clap::Args)]
pub(crate) struct TradeOffArgs {
    /// With how many seeds, or with which: 10 or 100..110.
    #[arg(long, value_name = "SEEDS", default_value = "10")]
    pub(crate) seeds: Seeds,
    /// Where to draw it.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Said where tables are put into pages; there is no other form.
    #[arg(long, hide = true)]
    markdown: bool,
}

/// Prints the scenario that P6 makes by chance of a seed.
#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// The seed.
    pub(crate) seed: u64,
}
