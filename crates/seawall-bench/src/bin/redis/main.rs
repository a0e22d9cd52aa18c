//! `cargo xtask bench redis [--json]`: the Redis client beside deadpool-redis and a bare multiplexed connection, over a
//! loopback server of its own; and what memory in front of it answers beside a bare engine.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

mod calls;
mod near;

use std::process::ExitCode;

use seawall_bench::{Comparison, print};

type Part = fn() -> Result<Vec<Comparison>, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    // The words `calls` and `near` measure only that.
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let parts: [(&str, Part); 2] = [("calls", calls::compare), ("near", near::compare)];
    let all = !parts.iter().any(|(name, _)| has(name));
    let asked_for = parts.iter().filter(|(name, _)| all || has(name));
    match asked_for.map(|(_, compare)| compare()).collect::<Result<Vec<_>, _>>() {
        Ok(comparisons) => {
            print(&comparisons.concat(), json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench redis: {error}");
            ExitCode::FAILURE
        }
    }
}
