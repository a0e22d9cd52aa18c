//! `cargo xtask bench http [--json]`: the HTTP client beside reqwest and its middlewares, and `seawall fetch` beside
//! `curl` and `aria2c`, all against one loopback server in a process of its own.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured, so a ratio of throughputs says less than one of processor time: both are printed.
//!
//! `BENCH_HTTP_ONLY=calls` or `fetch` measures one part.

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
    if let Some([_, client, calls]) = arguments.windows(3).find(|words| words[0] == calls::COUNT) {
        return ended(calls::make(client, calls));
    }
    if let Some([_, client, tasks, calls]) = arguments.windows(4).find(|words| words[0] == calls::LOAD) {
        return ended(calls::make_at_once(client, tasks, calls));
    }
    ended(run(arguments.iter().any(|argument| argument == "--json")))
}

fn ended(result: Result<(), Failed>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench http: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Prints each part as soon as it is measured, so that a run that is interrupted has shown something.
fn run(json: bool) -> Result<(), Failed> {
    let only = std::env::var("BENCH_HTTP_ONLY").ok();
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if !wanted("calls") && !wanted("fetch") {
        return Err("BENCH_HTTP_ONLY is neither `calls` nor `fetch`".into());
    }
    let server = server::Server::start()?;
    let show = |comparisons: &[seawall_bench::Comparison]| print(comparisons, json);
    if wanted("calls") {
        calls::compare(&server, show)?;
    }
    if wanted("fetch") {
        fetch::compare(&server, show)?;
    }
    Ok(())
}
