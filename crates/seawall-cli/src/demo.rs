//! `seawall demo`: the main job against an exchange that fails, and the proof that nothing was lost.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures_util::TryStreamExt;
use indicatif::HumanCount;
use seawall::core::Error;
use seawall::ingest::format::parse_columns;
use seawall::ingest::{IngestPlan, IngestReport, Progress};
use seawall::sql::Row;
use seawall::telemetry::{StatsSnapshot, TargetStats};
use seawall::{AsyncIoSystem, Config};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::args::DemoArgs;
use crate::exchange::checksum::{self, Checksum};
use crate::exchange::{Exchange, ExchangeConfig, Sent};
use crate::exit::{FAILED, STOPPED, USAGE, fail, fail_as, print_json, print_line};
use crate::ingest;
use crate::signals::stop_on_signal;
use crate::system::log;

const TABLE: &str = "ticks";
const COLUMNS: &str = "id integer, symbol text, ts timestamp, price real, size integer, side text";

/// An attempt of the demo gives up on a stalled answer after so long: the exchange is on this machine.
const ATTEMPT: Duration = Duration::from_millis(500);

/// What the demo proves, and what it took.
#[derive(Debug, Serialize)]
struct Proof {
    rows_sent: u64,
    rows_stored: u64,
    checksum_sent: String,
    checksum_stored: String,
    duplicates: u64,
    retries: u64,
    retries_refused_by_budget: u64,
    reconnects: u64,
    breaker_openings: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    rows_per_second: f64,
    seconds: f64,
    seed: u64,
    requests: u64,
    faults: std::collections::BTreeMap<&'static str, u64>,
}

impl Proof {
    fn holds(&self) -> bool {
        self.rows_sent == self.rows_stored
            && self.checksum_sent == self.checksum_stored
            && self.duplicates == 0
    }
}

pub(crate) async fn run(args: DemoArgs) -> ExitCode {
    let stop = stop_on_signal();
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return fail(FAILED, &format!("no temporary folder: {error}")),
    };
    let database = args.keep.clone().unwrap_or_else(|| folder.path().join("demo.db"));
    if database.exists() {
        return fail(USAGE, &format!("--keep: {} is there already", database.display()));
    }
    let proved = prove(&args, &database, &stop).await;
    match proved {
        _ if stop.is_cancelled() => fail_as(args.json, STOPPED, "stopped before the proof was complete"),
        Ok(proof) => {
            show(&proof, &args, &database);
            if proof.holds() {
                ExitCode::SUCCESS
            } else {
                fail(FAILED, &"what is stored is not what was sent")
            }
        }
        Err(problem) => fail_as(args.json, FAILED, &problem),
    }
}

async fn prove(args: &DemoArgs, database: &Path, stop: &CancellationToken) -> Result<Proof, String> {
    let config = ExchangeConfig { seed: args.seed, rows: args.rows.get(), faults: args.faults };
    let exchange = Exchange::start(config).map_err(|error| format!("the exchange cannot start: {error}"))?;
    let io = system(database).await?;
    log(&io, args.verbose);
    if !args.json {
        eprintln!(
            "an exchange on {} holds {} ticks of 100 symbols; faults: {}, seed {}",
            exchange.addr(),
            HumanCount(args.rows.get()),
            args.faults.to_possible_value().map(|level| level.get_name().to_owned()).unwrap_or_default(),
            args.seed
        );
    }
    let progress = Arc::new(Progress::default());
    let watch = (!args.json).then(|| ingest::watch(io.clone(), Arc::clone(&progress)));
    let plan = IngestPlan {
        table: Some(TABLE.to_owned()),
        schema: Some(parse_columns(COLUMNS).map_err(|error| error.to_string())?),
        rejects: Some(database.with_extension("rejects.ndjson")),
        batch_rows: NonZeroUsize::new(5_000).expect("5 000 is not 0"),
        ..IngestPlan::new(exchange.sources())
    };
    let report = io.ingest(plan, progress, stop.clone()).await.map_err(|error| error.to_string())?;
    drop(watch);
    if report.stopped {
        return Err("stopped".to_owned());
    }
    if let Some(error) = report.sources.iter().find_map(|source| source.error.as_ref()) {
        return Err(error.clone());
    }
    let stored = stored(&io).await.map_err(|error| error.to_string())?;
    let sent = exchange.summary();
    let proof = proof(args.seed, &sent, &stored, &report, &io.stats().calls);
    io.shutdown(Duration::from_secs(2)).await.map_err(|abandoned| abandoned.to_string())?;
    Ok(proof)
}

async fn system(database: &Path) -> Result<AsyncIoSystem, String> {
    let mut config = Config::default();
    config.database_url = format!("sqlite://{}", database.display()).into();
    config.http.pipeline.attempt_timeout = Some(ATTEMPT);
    config.http.read_timeout = Some(ATTEMPT);
    AsyncIoSystem::builder().config(config).build().await.map_err(|error| error.to_string())
}

/// What is in the table, read back row by row.
struct Stored {
    rows: u64,
    distinct: u64,
    checksum: u64,
}

async fn stored(io: &AsyncIoSystem) -> Result<Stored, Error> {
    let (distinct,): (i64,) = io.sql().query("select count(distinct id) from ticks").fetch_one().await?;
    let mut rows = io.sql().query("select id, symbol, ts, price, size, side from ticks").stream().await?;
    let (mut count, mut sum) = (0, Checksum::default());
    while let Some(row) = rows.try_next().await? {
        add(&mut sum, &row)?;
        count += 1;
    }
    Ok(Stored { rows: count, distinct: distinct.cast_unsigned(), checksum: sum.value() })
}

fn add(sum: &mut Checksum, row: &Row) -> Result<(), Error> {
    let (symbol, ts, side): (String, String, String) = (row.get("symbol")?, row.get("ts")?, row.get("side")?);
    sum.add(&checksum::Row {
        id: row.get("id")?,
        symbol: &symbol,
        ts: &ts,
        price: row.get("price")?,
        size: row.get("size")?,
        side: &side,
    });
    Ok(())
}

fn proof(seed: u64, sent: &Sent, stored: &Stored, report: &IngestReport, calls: &StatsSnapshot) -> Proof {
    let exchange: Vec<&TargetStats> =
        calls.targets.iter().filter(|target| target.pipeline == "http").collect();
    let milliseconds = |pick: fn(&seawall::telemetry::DurationStats) -> Duration| {
        let durations = exchange.iter().filter_map(|target| target.duration.as_ref());
        durations.map(pick).max().unwrap_or_default().as_secs_f64() * 1e3
    };
    Proof {
        rows_sent: sent.rows,
        rows_stored: stored.rows,
        checksum_sent: format!("{:016x}", sent.checksum),
        checksum_stored: format!("{:016x}", stored.checksum),
        duplicates: stored.rows - stored.distinct,
        retries: exchange.iter().map(|target| target.retries).sum(),
        retries_refused_by_budget: exchange.iter().map(|target| target.budget_exhaustions).sum(),
        reconnects: report.reconnects,
        breaker_openings: exchange
            .iter()
            .filter_map(|target| target.circuit.as_ref())
            .map(|it| it.openings)
            .sum(),
        p50_ms: milliseconds(|durations| durations.p50),
        p95_ms: milliseconds(|durations| durations.p95),
        p99_ms: milliseconds(|durations| durations.p99),
        rows_per_second: report.rows_per_second,
        seconds: report.seconds,
        seed,
        requests: sent.requests,
        faults: sent.faults_by_kind.clone(),
    }
}

fn show(proof: &Proof, args: &DemoArgs, database: &Path) {
    if args.json {
        print_json(proof);
        return;
    }
    let verdict = if proof.holds() { "nothing lost, nothing twice" } else { "NOT THE SAME" };
    print_line(&format!(
        "rows      {} sent, {} stored, {} twice",
        proof.rows_sent, proof.rows_stored, proof.duplicates
    ));
    print_line(&format!(
        "checksum  {} sent, {} stored: {verdict}",
        proof.checksum_sent, proof.checksum_stored
    ));
    print_line(&format!("speed     {:.0} rows/s, {:.1} s in all", proof.rows_per_second, proof.seconds));
    print_line(&format!(
        "requests  {} answered in p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms",
        proof.requests, proof.p50_ms, proof.p95_ms, proof.p99_ms
    ));
    print_line(&format!(
        "faults    {}",
        proof.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    ));
    print_line(&format!(
        "answered  {} retries, {} refused by the budget, {} transfers resumed, {} breaker openings",
        proof.retries, proof.retries_refused_by_budget, proof.reconnects, proof.breaker_openings
    ));
    if args.keep.is_some() {
        print_line(&format!("database  {} (table {TABLE})", database.display()));
    }
}
