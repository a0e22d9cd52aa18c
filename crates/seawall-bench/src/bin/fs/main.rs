//! `cargo xtask bench fs [--json] [--quick]`: our file client beside `tokio::fs` and `std::fs` on two threads, and for
//! the record beside compio, opendal and async-fs, in one process, in turn, on one file system.
//!
//! The data lie in a folder of their own under `BENCH_FS_DIR` (or else the folder for temporary files), which should be
//! on a file system like the one that matters: the page cache of tmpfs and overlayfs cannot be asked without waiting.
//! `BENCH_FS_ONLY` names the rows to run, separated by commas; `BENCH_FS_ROUNDS` how often each subject has its turn.

mod cold;
mod data;
mod heartbeat;
mod large;
mod measure;
mod memory;
mod peers;
mod positioned;
mod read;
mod stat;
mod stream;
mod write;

use std::io;
use std::process::ExitCode;

use seawall_bench::{Comparison, print};

use crate::data::Data;
use crate::measure::Bench;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, path] = &arguments[..]
        && let Some(side) = command.strip_prefix(memory::COMMAND)
    {
        println!("{}", memory::peak_of(side, path.as_ref()));
        return ExitCode::SUCCESS;
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    match run(has("--quick")) {
        Ok(comparisons) => {
            print(&comparisons, has("--json"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench fs: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A row of the table: its name, and what measures it.
type Row = (&'static str, fn(&Bench, &Data) -> io::Result<Vec<Comparison>>);

const ROWS: [Row; 12] = [
    ("read", read::rows),
    ("stat", stat::rows),
    ("write", write::rows),
    ("stream", stream::rows),
    ("lines", large::lines),
    ("copy", large::copy),
    ("walk", large::walk),
    ("positioned", positioned::rows),
    ("durable", write::durable),
    ("cold", cold::rows),
    ("heartbeat", heartbeat::rows),
    ("memory", memory::rows),
];

fn run(quick: bool) -> io::Result<Vec<Comparison>> {
    let data = Data::make(quick)?;
    let bench = Bench::new(quick)?;
    let only = std::env::var("BENCH_FS_ONLY").unwrap_or_default();
    let mut comparisons = Vec::new();
    for (name, row) in ROWS {
        if only.is_empty() || only.split(',').any(|wanted| wanted == name) {
            eprintln!("{name} …");
            comparisons.extend(row(&bench, &data)?);
        }
    }
    Ok(comparisons)
}
