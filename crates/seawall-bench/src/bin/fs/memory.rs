//! The most memory that streaming a large file takes, above what the process has anyway: in a process of its own.

use std::io;
use std::path::Path;
use std::process::Command;

use seawall_bench::{Better, Comparison, Side};
use tokio::runtime::Builder;

use crate::data::Data;
use crate::measure::Bench;
use crate::stream;

/// What the process that streams is started with: this and the side.
pub(crate) const COMMAND: &str = "peak-of-";

pub(crate) fn rows(_: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let row = |name: &str, peer: Side, goal| {
        Ok::<_, io::Error>(Comparison {
            what: format!("peak memory of streaming {} MiB, above the baseline", data.large_bytes >> 20),
            subject: Side::new(name, vec![measured("seawall", &data.large)?]),
            peer,
            unit: "MiB",
            better: Better::Lower,
            goal,
            threads: 2,
        })
    };
    let tokio_fs = Side::new("tokio::fs", vec![measured("tokio", &data.large)?]);
    Ok(vec![row("seawall", Side::new("16 MiB", vec![16.0]), Some(1.0))?, row("seawall", tokio_fs, None)?])
}

fn measured(side: &str, path: &Path) -> io::Result<f64> {
    let output = Command::new(std::env::current_exe()?).arg(format!("{COMMAND}{side}")).arg(path).output()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)
}

/// Streams the file as `side` does, and says how many MiB of memory that took at the most.
pub(crate) fn peak_of(side: &str, path: &Path) -> f64 {
    let run = || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let client = stream::client()?;
        let before = resident("VmRSS:");
        runtime.block_on(async {
            match side {
                "tokio" => stream::tokio_fs(path).await,
                _ => stream::ours(&client, path).await,
            }
        })?;
        Ok::<_, io::Error>(resident("VmHWM:") - before)
    };
    run().unwrap_or(f64::INFINITY)
}

/// A line of the kernel's account of this process, in MiB.
fn resident(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}
