use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::{jobs, seconds};

const EXAMPLES: &str = "\
The list has an address on each line, and after it, if you like, the name of the file and what it must hash to:
  https://example.com/a.tar.gz
  https://example.com/latest?os=linux tool.tar.gz
  https://example.com/b.iso b.iso sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
Empty lines and lines that begin with # are passed over. Without a name it is the last part of the address's path.

Examples:
  seawall fetch list.txt --into downloads
  generate-list | seawall fetch - --into downloads --jobs 32 --json

A file appears under its name when all of it is there and right, never before. Stop it, kill it, lose the network: the same
command again keeps the files that are there and goes on with those that were begun.

Exit codes: 0 all there · 1 some are not, the others are · 2 wrong usage · 130 stopped by a signal";

/// Downloads many files, each whole or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FetchArgs {
    /// The file with the addresses, or `-` for standard input.
    #[arg(value_name = "LIST")]
    pub(crate) list: PathBuf,
    /// The folder that the files go into; made when missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: PathBuf,
    /// Files fetched at the same time, 1 to 64.
    #[arg(long, value_name = "N", default_value = "8", value_parser = jobs)]
    pub(crate) jobs: NonZeroUsize,
    /// Connections for one large file, in parts of at least 16 MiB, 1 to 64.
    #[arg(long, value_name = "N", default_value = "4", value_parser = jobs)]
    pub(crate) connections: NonZeroUsize,
    /// What to do about a file that is there already.
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub(crate) existing: ExistingName,
    /// What a file outlives once it is there.
    #[arg(long, value_name = "WHAT", default_value = "data")]
    pub(crate) durability: DurabilityName,
    /// The largest file.
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_size: Option<u64>,
    /// Give a file up after so many seconds without a byte.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) patience: Duration,
    /// Print one JSON object at the end, and no progress.
    #[arg(long)]
    pub(crate) json: bool,
    /// More on standard error: -v what is retried, -vv every step.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExistingName {
    /// Keep it: it was fetched before.
    Keep,
    /// Fetch it again and put the new one in its place.
    Replace,
}

/// What a file outlives once it is there.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DurabilityName {
    /// The end of the program.
    None,
    /// A power failure leaves the file whole or not there.
    Data,
    /// A power failure leaves the file there.
    Full,
}
