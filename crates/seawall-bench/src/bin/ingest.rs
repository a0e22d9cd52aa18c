//! `cargo xtask bench ingest [--json]`: whole commands, ours beside `sqlite3`'s `.import` and `psql`'s `\copy`.
//!
//! 2 million rows of 6 columns into the same typed table, rounds taken in turn. The sink is fresh each time.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side, print};
use seawall_testkit::servers::Postgres;

const ROWS: u64 = 2_000_000;
const ROUNDS: usize = 5;
const SCHEMA: &str = "id integer, symbol text, ts integer, price real, size integer, side text";
const POSTGRES_COLUMNS: &str =
    "id bigint, symbol text, ts bigint, price double precision, size bigint, side text";

fn main() -> ExitCode {
    let json = std::env::args().any(|argument| argument == "--json");
    let Some(seawall) = std::env::var_os("BENCH_SEAWALL_BIN").map(PathBuf::from) else {
        eprintln!("set BENCH_SEAWALL_BIN to the release binary, or run `cargo xtask bench ingest`");
        return ExitCode::FAILURE;
    };
    match run(&seawall) {
        Ok(comparisons) => {
            print(&comparisons, json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench ingest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(seawall: &Path) -> io::Result<Vec<Comparison>> {
    let folder = tempfile::tempdir()?;
    let csv = folder.path().join("ticks.csv");
    write_ticks(&csv)?;
    let postgres = Postgres::start()?;
    let mut sqlite = (Vec::new(), Vec::new());
    let mut copy = (Vec::new(), Vec::new());
    let mut peak = 0.0_f64;
    for round in 0..ROUNDS {
        let ours = folder.path().join(format!("ours-{round}.db"));
        let theirs = folder.path().join(format!("theirs-{round}.db"));
        let (rate, memory) = time(ingest(seawall, &csv, &format!("sqlite://{}", ours.display())))?;
        sqlite.0.push(rate);
        peak = peak.max(memory);
        sqlite.1.push(time(import(&csv, &theirs))?.0);
        std::fs::remove_file(ours)?;
        std::fs::remove_file(theirs)?;

        psql(&postgres, "drop table if exists ticks; drop table if exists seawall_ledger")?;
        let (rate, memory) = time(ingest(seawall, &csv, &postgres.url()))?;
        copy.0.push(rate);
        peak = peak.max(memory);
        psql(&postgres, &format!("drop table if exists ticks; create table ticks ({POSTGRES_COLUMNS})"))?;
        copy.1.push(time(psql_copy(&postgres, &csv))?.0);
    }
    let line = |what: &str, peer: &str, (samples, peer_samples)| Comparison {
        what: what.to_owned(),
        subject: Side::new("seawall ingest", samples),
        peer: Side::new(peer, peer_samples),
        unit: "rows/s",
        better: Better::Higher,
        goal: Some(0.8),
        threads: 1,
    };
    let memory = Comparison {
        what: "peak memory, against the limit".to_owned(),
        subject: Side::new("seawall ingest", vec![peak]),
        peer: Side::new("128 MiB", vec![128.0]),
        unit: "MiB",
        better: Better::Lower,
        goal: Some(1.0),
        threads: 1,
    };
    Ok(vec![
        line("2M-row CSV into SQLite", "sqlite3 .import", sqlite),
        line("2M-row CSV into Postgres", "psql \\copy", copy),
        memory,
    ])
}

/// The rows are a fixed function of their number, so every run loads the same bytes.
fn write_ticks(path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "id,symbol,ts,price,size,side")?;
    for id in 0..ROWS {
        // A multiplicative hash spreads the values (Knuth, TAOCP vol. 3, §6.4).
        let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        writeln!(
            file,
            "{id},SYM{:03},{},{}.{:02},{},{}",
            mixed % 100,
            1_700_000_000_000 + id * 7,
            10 + mixed % 900,
            mixed % 97,
            1 + mixed % 1000,
            if mixed.is_multiple_of(2) { "buy" } else { "sell" }
        )?;
    }
    file.flush()
}

fn ingest(seawall: &Path, csv: &Path, into: &str) -> Command {
    let mut command = Command::new(seawall);
    command.arg("ingest").arg(csv).args(["--into", into, "--table", "ticks", "--schema", SCHEMA, "--json"]);
    command
}

fn import(csv: &Path, database: &Path) -> Command {
    let mut command = Command::new("sqlite3");
    command.arg(database).arg(format!("create table ticks ({SCHEMA})"));
    command.args([".mode csv".to_owned(), format!(".import --skip 1 {} ticks", csv.display())]);
    command
}

fn psql_copy(postgres: &Postgres, csv: &Path) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &postgres.url(), "-c"]);
    command.arg(format!("\\copy ticks from '{}' with (format csv, header)", csv.display()));
    command
}

fn psql(postgres: &Postgres, sql: &str) -> io::Result<()> {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &postgres.url(), "-c", sql]);
    succeed(command.stdout(Stdio::null()).stderr(Stdio::null()).status()?, "psql")
}

/// Runs a command to its end: rows a second, and its peak memory in MiB.
#[expect(clippy::disallowed_methods, reason = "the time that a process really takes is what is measured")]
fn time(mut command: Command) -> io::Result<(f64, f64)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    let exit = loop {
        if let Some(exit) = child.try_wait()? {
            break exit;
        }
        peak = peak.max(resident_peak(&status));
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let seconds = start.elapsed().as_secs_f64();
    succeed(exit, &name)?;
    Ok((ROWS as f64 / seconds, peak))
}

/// `VmHWM`: the most memory the process has had resident, in MiB. The kernel keeps it, so sampling misses only what
/// comes after the last look.
fn resident_peak(status: &str) -> f64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

fn succeed(status: std::process::ExitStatus, name: &str) -> io::Result<()> {
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{name} failed: {status}"))) }
}
