//! The command line: one file for each command, and what they share.

mod demo;
mod fetch;
mod http;
mod ingest;

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Parser, Subcommand};

pub(crate) use demo::DemoArgs;
pub(crate) use fetch::{DurabilityName, ExistingName, FetchArgs};
pub(crate) use http::HttpArgs;
pub(crate) use ingest::{FormatName, IngestArgs, OnChangeName};

/// Keeps standing when what it depends on does not.
#[derive(Debug, Parser)]
#[command(name = "seawall", version, about, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ingest(IngestArgs),
    Demo(DemoArgs),
    Fetch(FetchArgs),
    Http(Box<HttpArgs>),
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse().ok().filter(|jobs: &NonZeroUsize| jobs.get() <= 64);
    jobs.ok_or_else(|| "give a number from 1 to 64".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text
        .strip_suffix('s')
        .unwrap_or(text)
        .parse()
        .map_err(|error| format!("{error}: give a number of seconds"))?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
