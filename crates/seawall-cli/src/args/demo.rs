use std::num::NonZeroU64;
use std::path::PathBuf;

use crate::exchange::FaultLevel;

const DEMO_EXAMPLES: &str = "\
Examples:
  seawall demo
  seawall demo --faults heavy --seed 7
  seawall demo --json | jq .rows_per_second

The same seed brings the same data and the same faults.";

/// Ingests a faulty loopback exchange into SQLite, and proves that nothing was lost and nothing stored twice.
#[derive(Debug, clap::Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArgs {
    /// What data and faults are drawn from.
    #[arg(long, default_value = "42")]
    pub(crate) seed: u64,
    /// How bad the exchange is.
    #[arg(long, value_name = "LEVEL", default_value = "light")]
    pub(crate) faults: FaultLevel,
    /// Rows that the exchange holds.
    #[arg(long, default_value = "400000")]
    pub(crate) rows: NonZeroU64,
    /// Keep the database in this file; it must not exist yet [default: a temporary file].
    #[arg(long, value_name = "FILE")]
    pub(crate) keep: Option<PathBuf>,
    /// Print one JSON object at the end, and no progress.
    #[arg(long)]
    pub(crate) json: bool,
    /// More on standard error: -v what is retried, -vv every step.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}
