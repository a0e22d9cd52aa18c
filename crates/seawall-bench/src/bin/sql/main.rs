//! `cargo xtask bench sql [--json] [--quick]`: the SQL client beside sqlx, deadpool-postgres, tokio-postgres and rusqlite,
//! over a loopback Postgres and files of its own.
//!
//! Rounds are taken in turn, and the best of each side are compared. The server shares the machine's processors with
//! whoever is measured.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures by the real clock")]

mod bulk;
mod few;
mod files;
mod held;
mod point;
mod turns;

use std::error::Error;
use std::process::ExitCode;

use seawall_bench::{Comparison, print};
use seawall_testkit::servers::Postgres;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let rounds = if has("--quick") { 3 } else { 8 };
    match all(rounds) {
        Ok(comparisons) => {
            print(&comparisons, has("--json"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench sql: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(rounds: usize) -> Result<Vec<Comparison>> {
    let server = Postgres::start()?;
    let url = server.url();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut all = runtime.block_on(point::compare(&url, rounds))?;
    all.extend(held::compare(&url, rounds)?);
    all.extend(runtime.block_on(bulk::compare(&url, rounds))?);
    all.extend(runtime.block_on(few::compare(&url, rounds))?);
    all.extend(runtime.block_on(files::compare(rounds))?);
    Ok(all)
}

/// A client of `tokio-postgres`, whose connection runs by itself.
async fn bare(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
