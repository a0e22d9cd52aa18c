//! All of the project's automation: `cargo xtask help`.

mod bench;
mod ci;
mod deny;
mod run;
mod servers;
mod setup;
mod sim;
mod test;
mod tidy;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What went wrong, said in full by its `Display`.
type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Seawall's automation.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need: Postgres, `MariaDB` and Redis
    Setup {
        /// Also what the benchmarks need: the `sqlite3` shell
        #[arg(long)]
        bench: bool,
    },
    /// Run every test against real servers, started for it and stopped after it
    Test {
        /// Further arguments of `cargo test`; with `-p NAME` among them only that crate is tested
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Everything a change has to pass: format, lints, structure, licences, docs, tests
    Ci,
    /// Check the structure: floors, owners of dependencies, lengths and names of files, readmes
    Tidy,
    /// Check the dependencies against the advisory database, which needs a network
    Advisories,
    /// Measure Seawall beside its peers
    Bench {
        /// The benchmark; an unknown name lists them all
        name: String,
        /// Print the results as JSON
        #[arg(long)]
        json: bool,
        /// Work on less data, and take fewer turns, if it can
        #[arg(long)]
        quick: bool,
    },
    /// Judge in simulation what the default stack promises
    Sim {
        /// With how many seeds
        #[arg(long, default_value_t = sim::ALL_SEEDS)]
        seeds: u64,
        /// Measure anew what docs/stability.md shows, and write it there
        #[arg(long, conflicts_with = "seeds")]
        docs: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup { bench } => setup::run(bench),
        Command::Test { arguments } => test::run(&arguments),
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
        Command::Advisories => deny::advisories(),
        Command::Bench { name, json, quick } => bench::run(&name, json, quick),
        Command::Sim { docs: true, .. } => sim::write_page(),
        Command::Sim { seeds, docs: false } => sim::check(seeds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            // A failed test run is told apart by its own code.
            error.downcast_ref::<run::Failed>().map_or(ExitCode::FAILURE, run::Failed::exit_code)
        }
    }
}
