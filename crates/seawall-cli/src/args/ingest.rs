use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use seawall::ingest::format::Delimiter;

use super::{jobs, seconds};

const INGEST_EXAMPLES: &str = "\
Examples:
  A file into a new table `trades`:
    seawall ingest trades.csv --into sqlite://trades.db
  A folder's files, four at a time, into Postgres:
    seawall ingest data/2024 --into postgres://ann@localhost/market --table trades --jobs 4
  Into MySQL or MariaDB, whose certificate is checked:
    seawall ingest dump.ndjson --into 'mysql://ann@db/market?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem' --table dump
  Newer values of rows that are there, by their key:
    seawall ingest prices.csv --into postgres://ann@db/market --table prices --upsert symbol,day
  From a web server, at most 50 000 rows a second:
    seawall ingest https://example.com/ticks.ndjson.zst --into sqlite://ticks.db --rate 50000/s
  From a pipe, with column types of your own:
    zcat dump.gz | seawall ingest - --into sqlite://dump.db --table dump --schema 'id integer, note text'

Stop it, kill it, lose the network: the same command again goes on where it stopped.
A row is stored once. A row that cannot be stored is in the rejects file, with its line and the reason.

Set SEAWALL_DATABASE_URL (in place of --into), or PGPASSWORD for Postgres, to keep a password out of the command line.

A connection is encrypted where the server can, and its certificate is checked only if the address says so: with
?sslmode=verify-full&sslrootcert=FILE for Postgres, ?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE for MySQL.

A source keeps its identity by its path or address: the same file under another name is another source.

Exit codes: 0 all ingested · 1 something failed, what was committed stays · 2 wrong usage · 130 stopped by a signal";

/// Loads CSV and NDJSON into a database, each row exactly once.
#[derive(Debug, clap::Args)]
#[command(after_help = INGEST_EXAMPLES)]
pub(crate) struct IngestArgs {
    /// Files, folders, globs, http(s):// addresses, or `-` for standard input; CSV with header or NDJSON, plain,
    /// gzip or zstd.
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    // Not a doc comment, which would read the address as a link.
    #[arg(long, help = "The database: sqlite://FILE, or postgres:// or mysql://USER@HOST/DATABASE")]
    #[arg(value_name = "URL", env = "SEAWALL_DATABASE_URL", hide_env_values = true)]
    pub(crate) into: String,
    /// The table; created when missing. Named after the first source unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Column types of a table to create, in place of sampled ones: 'id integer, ts timestamptz, note text'.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) schema: Option<String>,
    /// The format, where the name does not tell it.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<FormatName>,
    /// What stands between CSV fields: , ; | or tab.
    #[arg(long, value_name = "CHAR")]
    pub(crate) delimiter: Option<Delimiter>,
    /// At most so many rows a second, over all jobs: 5000 or 5000/s.
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(crate) rate: Option<NonZeroU64>,
    /// Sources read at the same time, 1 to 64.
    #[arg(long, value_name = "N", default_value = "4", value_parser = jobs)]
    pub(crate) jobs: NonZeroUsize,
    /// What to do about a source that is not the one an earlier run has read.
    #[arg(long, value_name = "WHAT", default_value = "replace")]
    pub(crate) on_change: OnChangeName,
    /// Update rows that are in the table already: by these columns, which are those of a unique index. Without it every
    /// row is inserted.
    #[arg(long, value_name = "COLUMN,COLUMN", value_delimiter = ',')]
    pub(crate) upsert: Vec<String>,
    /// Where malformed rows go [default: TABLE.rejects.ndjson].
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// The most rows of one transaction.
    #[arg(long, value_name = "N", default_value = "50000")]
    pub(crate) batch_rows: NonZeroUsize,
    /// The longest record; a longer one is rejected.
    #[arg(long, value_name = "BYTES", default_value = "1048576")]
    pub(crate) max_record_bytes: NonZeroUsize,
    /// Give a source up after so many seconds without progress.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) patience: Duration,
    /// Print one JSON object at the end, and no progress.
    #[arg(long)]
    pub(crate) json: bool,
    /// More on standard error: -v what is retried, -vv every step.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How the records of a source are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FormatName {
    /// Comma-separated values under a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// What to do about a changed source.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OnChangeName {
    /// Ingest it anew in place of its older rows, if the table holds nothing else; else behind them.
    Replace,
    /// Ingest it anew behind its older rows.
    Append,
    /// Leave it alone and fail.
    Fail,
}

fn rate(text: &str) -> Result<NonZeroU64, String> {
    text.strip_suffix("/s")
        .unwrap_or(text)
        .replace('_', "")
        .parse()
        .map_err(|error| format!("{error}: give rows a second, such as 5000/s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_and_without_their_unit() {
        assert_eq!(rate("5000/s").unwrap().get(), 5000);
        assert_eq!(rate("1_000").unwrap().get(), 1000);
        assert!(rate("0").is_err());
        assert!(rate("fast").is_err());
    }
}
