//! `cargo xtask bench sql [--json] [--quick]`: the SQL client beside sqlx, deadpool-postgres, tokio-postgres and rusqlite,
//! over a loopback Postgres and files of its own.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured. The words `point`, `held`, `bulk`, `few`, `files` and `dropped` measure only that.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

mod bulk;
mod count;
mod dropped;
mod few;
mod files;
mod held;
mod place;
mod point;
mod turns;

use std::error::Error;
use std::process::ExitCode;

use seawall_bench::{Comparison, print};
use seawall_testkit::servers::Postgres;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some([_, client, queries]) = arguments.windows(3).find(|words| words[0] == count::QUERIES) {
        return ended(count::one_after_another(client, queries));
    }
    if let Some([_, client, tasks, queries]) = arguments.windows(4).find(|words| words[0] == count::LOAD) {
        return ended(count::at_once(client, tasks, queries));
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let rounds = if has("--quick") { 3 } else { 8 };
    let is_part =
        |word: &&String| ["point", "held", "bulk", "few", "files", "dropped"].contains(&word.as_str());
    let only: Vec<&String> = arguments.iter().filter(is_part).collect();
    let wanted = |part: &str| only.is_empty() || only.iter().any(|only| *only == part);
    ended(compare(rounds, wanted).map(|comparisons| print(&comparisons, has("--json"))))
}

fn ended(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench sql: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(rounds: usize, wanted: impl Fn(&str) -> bool) -> Result<Vec<Comparison>> {
    let server = Postgres::start()?;
    let url = server.url();
    let runtime = runtime()?;
    runtime.block_on(point::fill(&url))?;
    let mut all = Vec::new();
    if wanted("point") {
        all.extend(runtime.block_on(point::compare(&url, rounds))?);
    }
    if wanted("held") {
        all.extend(held::compare(&url, rounds)?);
    }
    if wanted("bulk") {
        all.extend(runtime.block_on(bulk::compare(&url, rounds))?);
    }
    if wanted("few") {
        all.extend(runtime.block_on(few::compare(&url, rounds))?);
    }
    if wanted("files") {
        all.extend(runtime.block_on(files::compare(rounds))?);
    }
    if wanted("dropped") {
        all.extend(runtime.block_on(dropped::compare(&url, rounds))?);
    }
    Ok(all)
}

/// As many threads as the machine has that we measure on.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// A client of `tokio-postgres`, whose connection runs by itself.
async fn bare(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
