//! `cargo xtask bench redis [--json]`: the Redis client beside deadpool-redis and a bare multiplexed connection, over a
//! loopback server of its own; and what memory in front of it answers beside a bare engine.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

mod calls;
mod near;

use std::error::Error;
use std::process::ExitCode;

use seawall_bench::{Comparison, print};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
type Part = fn() -> Result<Vec<Comparison>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench redis: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some([_, client, tasks, gets]) = arguments.windows(4).find(|words| words[0] == calls::LOAD) {
        return calls::load(client, tasks, gets);
    }
    // The words `calls` and `near` measure only that.
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let parts: [(&str, Part); 2] = [("calls", calls::compare), ("near", near::compare)];
    let all = !parts.iter().any(|(name, _)| has(name));
    let asked_for = parts.iter().filter(|(name, _)| all || has(name));
    let comparisons = asked_for.map(|(_, compare)| compare()).collect::<Result<Vec<_>>>()?;
    print(&comparisons.concat(), has("--json"));
    Ok(())
}

/// As many threads as the machine has that we measure on.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}
