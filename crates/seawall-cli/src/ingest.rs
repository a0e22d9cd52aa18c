//! `seawall ingest`: from arguments to a plan, and from a report to words.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use seawall::ingest::format::{Delimiter, Format, FormatOptions, parse_columns};
use seawall::ingest::{IngestPlan, IngestReport, Progress, SourceReport, SourceStatus};
use seawall::telemetry::LogConfig;
use seawall::{AsyncIoSystem, Config};

use crate::args::{FormatName, IngestArgs};
use crate::exit::{FAILED, STOPPED, USAGE, fail};
use crate::signals::stop_on_signal;
use crate::watch::Watch;

/// How long the end of a run may take to close the database.
const CLOSE: Duration = Duration::from_millis(200);

pub(crate) async fn run(args: IngestArgs) -> ExitCode {
    // Before anything slow, so that Ctrl-C is heard from the first moment on.
    let stop = stop_on_signal();
    let plan = match plan(&args) {
        Ok(plan) => plan,
        Err(problem) => return fail(USAGE, &problem),
    };
    let mut config = match Config::load() {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error),
    };
    config.database_url = args.into.into();
    let built = tokio::select! {
        built = AsyncIoSystem::builder().config(config).build() => built,
        () = stop.cancelled() => return fail(STOPPED, &"stopped before it began"),
    };
    let io = match built {
        Ok(io) => io,
        Err(error) => return fail(FAILED, &error),
    };
    log(&io, args.verbose);
    let progress = Arc::new(Progress::default());
    let watch = (!args.json).then(|| Watch::start(io.clone(), Arc::clone(&progress)));
    let ended = io.ingest(plan, progress, stop).await;
    drop(watch);
    // Nothing is lost if this takes longer: what counts is committed.
    let _ = io.shutdown(CLOSE).await;
    match ended {
        Ok(report) => {
            show(&report, args.json);
            code(&report)
        }
        Err(error) => fail(FAILED, &error),
    }
}

/// Sends what the library tells to standard error, as much as is asked for.
pub(crate) fn log(io: &AsyncIoSystem, verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "info",
        _ => "debug",
    };
    let config = LogConfig { filter: filter.to_owned(), ..LogConfig::default() };
    if let Err(error) = io.telemetry().init_logging(&config) {
        eprintln!("seawall: no log: {error}");
    }
}

fn plan(args: &IngestArgs) -> Result<IngestPlan, String> {
    let schema = args.schema.as_deref().map(parse_columns).transpose();
    let format = args.format.map(|name| match name {
        FormatName::Csv => Format::Csv { delimiter: args.delimiter.unwrap_or(Delimiter::Comma) },
        FormatName::Ndjson => Format::Ndjson,
    });
    Ok(IngestPlan {
        table: args.table.clone(),
        schema: schema.map_err(|error| format!("--schema: {error}"))?,
        jobs: args.jobs,
        rate: args.rate,
        rejects: args.rejects.clone(),
        patience: args.patience,
        batch_rows: args.batch_rows,
        format: FormatOptions {
            format,
            delimiter: args.delimiter,
            max_record_bytes: args.max_record_bytes.get(),
            ..FormatOptions::default()
        },
        ..IngestPlan::new(args.sources.clone())
    })
}

fn show(report: &IngestReport, json: bool) {
    if json {
        match serde_json::to_string(report) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("seawall: the report cannot be written: {error}"),
        }
    } else {
        println!(
            "{} rows into {} in {:.1} s ({} rows/s), {} read",
            HumanCount(report.rows),
            report.table,
            report.seconds,
            HumanCount(report.rows_per_second as u64),
            HumanBytes(report.bytes),
        );
    }
    if let Some(file) = &report.rejects_file {
        eprintln!("{} rows were rejected: see {file}", HumanCount(report.rejected));
    }
    for file in &report.skipped_files {
        eprintln!("passed over {file}: not .csv, .tsv, .ndjson or .jsonl");
    }
    for source in &report.sources {
        tell(source);
    }
    if report.stopped {
        eprintln!("stopped; what was whole is committed. Run the same command again to go on");
    }
}

/// Says of a source what a user would want to know without asking.
fn tell(source: &SourceReport) {
    let name = &source.source;
    if let Some(changed) = &source.changed {
        eprintln!("{name}: {changed}");
    }
    if source.status == SourceStatus::AlreadyDone {
        eprintln!("{name}: nothing new; all of its {} rows were stored before", HumanCount(source.rows_before));
    } else if source.rows_before > 0 {
        eprintln!("{name}: went on behind {} rows of an earlier run", HumanCount(source.rows_before));
    }
    if let Some(error) = &source.error {
        eprintln!("{name}: {error}");
        eprintln!(
            "{name}: {} rows of it are committed; mend the cause and run the same command again to go on",
            HumanCount(source.rows + source.rows_before)
        );
    }
}

fn code(report: &IngestReport) -> ExitCode {
    if report.stopped {
        ExitCode::from(STOPPED)
    } else if report.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}
