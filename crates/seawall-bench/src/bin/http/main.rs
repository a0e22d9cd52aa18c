//! `cargo xtask bench http [--json]`: the HTTP client beside reqwest and its middlewares, and `seawall fetch` beside
//! `curl` and `aria2c`, all against one loopback server in a process of its own.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured, so a ratio of throughputs says less than one of processor time: both are printed.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

mod calls;
mod fetch;
mod server;

use std::process::ExitCode;

use seawall_bench::print;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == server::ARGUMENT) {
        return server::serve();
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    match run() {
        Ok(comparisons) => {
            print(&comparisons, json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench http: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Vec<seawall_bench::Comparison>, Box<dyn std::error::Error + Send + Sync>> {
    let server = server::Server::start()?;
    let mut comparisons = calls::compare(&server)?;
    comparisons.extend(fetch::compare(&server)?);
    Ok(comparisons)
}
