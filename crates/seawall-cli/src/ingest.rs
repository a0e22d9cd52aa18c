//! `seawall ingest`: from arguments to a plan, and from a report to words.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use seawall::ingest::format::{Delimiter, Format, FormatOptions, parse_columns};
use seawall::ingest::{
    IngestPlan, IngestReport, OnChange, Progress, ProgressSnapshot, SourceReport, SourceStatus,
};
use seawall::{AsyncIoSystem, Config};

use crate::args::{FormatName, IngestArgs, OnChangeName};
use crate::exit::{FAILED, STOPPED, USAGE, fail_as, print_json, print_line};
use crate::signals::stop_on_signal;
use crate::system::log;
use crate::watch::{Moment, Speed, Watch, time_left};

/// How long the end of a run may take to close the database.
const CLOSE: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: IngestArgs) -> ExitCode {
    let json = args.json;
    match ingest(args).await {
        Ok(report) => {
            show(&report, json);
            code(&report)
        }
        Err((code, problem)) => fail_as(json, code, &problem),
    }
}

/// The run, or why there was none: an exit code and words.
async fn ingest(args: IngestArgs) -> Result<IngestReport, (u8, String)> {
    // Before anything slow, so that Ctrl-C is heard from the first moment on.
    let stop = stop_on_signal();
    let plan = plan(&args).map_err(|problem| (USAGE, problem))?;
    let mut config = Config::load().map_err(|error| (USAGE, error.to_string()))?;
    config.database_url = args.into.into();
    let built = tokio::select! {
        built = AsyncIoSystem::builder().config(config).build() => built,
        () = stop.cancelled() => return Err((STOPPED, "stopped before it began".to_owned())),
    };
    let io = built.map_err(|error| (FAILED, format!("{error}; mend that and run the same command again")))?;
    log(&io, args.verbose);
    let progress = Arc::new(Progress::default());
    let watch = (!args.json).then(|| watch(io.clone(), Arc::clone(&progress)));
    let ended = io.ingest(plan, progress, stop.clone()).await;
    drop(watch);
    // Nothing is lost if this takes longer: what counts is committed.
    let _ = io.shutdown(CLOSE).await;
    let code = if stop.is_cancelled() { STOPPED } else { FAILED };
    ended.map_err(|error| (code, error.to_string()))
}

pub(crate) fn watch(io: AsyncIoSystem, progress: Arc<Progress>) -> Watch {
    let (mut rows, mut bytes) = (Speed::new(), Speed::new());
    Watch::start(move || {
        let now = progress.snapshot();
        let line = describe(&now, rows.note(now.rows), bytes.note(now.bytes), &io);
        Moment { position: now.bytes, length: now.bytes_expected, line }
    })
}

fn describe(
    now: &ProgressSnapshot,
    rows_per_second: f64,
    bytes_per_second: f64,
    io: &AsyncIoSystem,
) -> String {
    let expected = now.bytes_expected.map_or_else(|| "?".to_owned(), |bytes| HumanBytes(bytes).to_string());
    let mut parts = vec![
        format!("{} rows", HumanCount(now.rows)),
        format!("{} rows/s", HumanCount(rows_per_second as u64)),
        format!("{} of {expected}", HumanBytes(now.bytes)),
    ];
    parts.extend(time_left(
        now.bytes_expected.unwrap_or_default().saturating_sub(now.bytes),
        bytes_per_second,
    ));
    if now.sources > 1 {
        parts.push(format!("{}/{} sources", now.sources_ended, now.sources));
    }
    if now.rejected > 0 {
        parts.push(format!("{} rejected", HumanCount(now.rejected)));
    }
    let retries: u64 = io.stats().calls.targets.iter().map(|target| target.retries).sum();
    if retries + now.reconnects > 0 {
        parts.push(format!("{} retries, {} resumed", HumanCount(retries), HumanCount(now.reconnects)));
    }
    let open = io.open_circuits();
    parts.push(if open.is_empty() {
        "circuits closed".to_owned()
    } else {
        format!("circuit open: {}", open.join(" "))
    });
    parts.join(", ")
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
        on_change: match args.on_change {
            OnChangeName::Replace => OnChange::Replace,
            OnChangeName::Append => OnChange::Append,
            OnChangeName::Fail => OnChange::Fail,
        },
        upsert: args.upsert.clone(),
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
        print_json(report);
    } else {
        print_line(&format!(
            "{} rows into {} in {:.1} s ({} rows/s), {} read",
            HumanCount(report.rows),
            report.table,
            report.seconds,
            HumanCount(report.rows_per_second as u64),
            HumanBytes(report.bytes),
        ));
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
        eprintln!(
            "stopped; what was whole is committed. Run the same command again to go on; \
             standard input has to be piped in again from its beginning"
        );
    }
}

/// Says of a source what a user would want to know without asking.
fn tell(source: &SourceReport) {
    let name = &source.source;
    if let Some(changed) = &source.changed {
        eprintln!("{name}: {changed}");
    }
    if source.status == SourceStatus::AlreadyDone {
        eprintln!(
            "{name}: nothing new; all of its {} rows were stored before",
            HumanCount(source.rows_before)
        );
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
