//! `cargo xtask bench redis [--json]`: the Redis client beside deadpool-redis and a bare multiplexed connection, over a
//! loopback server of its own.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

mod calls;

use std::process::ExitCode;

use seawall_bench::print;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    match calls::compare() {
        Ok(comparisons) => {
            print(&comparisons, json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench redis: {error}");
            ExitCode::FAILURE
        }
    }
}
