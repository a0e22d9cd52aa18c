//! `seawall fetch`: many downloads at once.

mod found;
mod list;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use indicatif::{HumanBytes, HumanCount};
use seawall::AsyncIoSystem;
use seawall::fs::Durability;
use seawall::transfer::TransferProgress;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::args::{DurabilityName, ExistingName, FetchArgs};
use crate::exit::{FAILED, STOPPED, USAGE, fail_as};
use crate::signals::stop_on_signal;
use crate::system;
use crate::watch::{Moment, Speed, Watch, time_left};
use found::{Found, find};
use list::Item;
use report::{Failure, Report, code, show};

/// So many files may wait for the disk while as many as there are jobs come over the network: disks do syncs that are
/// asked for together at once.
const SETTLING: usize = 32;

/// The largest list.
const LARGEST_LIST: u64 = 256 * 1024 * 1024;

pub(crate) async fn run(args: FetchArgs) -> ExitCode {
    let json = args.json;
    // Before anything slow, so that Ctrl-C is heard from the first moment on.
    let stop = stop_on_signal();
    match fetch(&args, &stop).await {
        Ok(report) => {
            show(&report, json);
            code(&report)
        }
        Err((code, problem)) => fail_as(json, code, &problem),
    }
}

/// What became of one file.
enum Ended {
    Fetched { bytes: u64 },
    Kept,
    Failed(Failure),
}

async fn fetch(args: &FetchArgs, stop: &CancellationToken) -> Result<Report, (u8, String)> {
    let items = list::parse(&read_list(&args.list, stop).await?)
        .map_err(|problem| (USAGE, format!("{}: {problem}", args.list.display())))?;
    let io = system::without_database().await?;
    system::log(&io, args.verbose);
    make_folders(&io, &args.into, &items).await?;
    let begun = Instant::now();
    let (progress, ended) = (Arc::new(TransferProgress::default()), Arc::new(AtomicU64::new(0)));
    let watch = (!args.json).then(|| watch(Arc::clone(&progress), Arc::clone(&ended), items.len()));
    let mut report = Report { files: items.len(), ..Report::default() };
    let mut found = find(&io, &args.into, &items);
    let mut items = items.into_iter();
    let jobs = Arc::new(Semaphore::new(args.jobs.get()));
    let mut running = JoinSet::new();
    loop {
        while running.len() < args.jobs.get() + SETTLING
            && let Some(item) = items.next()
        {
            let found = Found::next(&mut found).await;
            let (jobs, progress) = (Arc::clone(&jobs), Arc::clone(&progress));
            running.spawn(one(io.clone(), Settings::of(args), item, found, jobs, progress));
        }
        let done = tokio::select! {
            done = running.join_next() => done,
            () = stop.cancelled() => {
                // What is dropped here has written down how far it came.
                running.shutdown().await;
                report.stopped = true;
                break;
            }
        };
        let Some(done) = done else { break };
        ended.fetch_add(1, Relaxed);
        match done.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())) {
            Ended::Fetched { bytes } => {
                report.fetched += 1;
                report.bytes += bytes;
            }
            Ended::Kept => report.kept += 1,
            Ended::Failed(failure) => report.failed.push(failure),
        }
    }
    drop(watch);
    report.resumed = progress.snapshot().resumed;
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

async fn read_list(path: &Path, stop: &CancellationToken) -> Result<String, (u8, String)> {
    let mut text = String::new();
    let unreadable =
        |error: std::io::Error| (USAGE, format!("{}: the list cannot be read: {error}", path.display()));
    let read = async {
        if path == Path::new("-") {
            tokio::io::stdin().take(LARGEST_LIST).read_to_string(&mut text).await
        } else {
            tokio::fs::File::open(path).await?.take(LARGEST_LIST).read_to_string(&mut text).await
        }
    };
    tokio::select! {
        read = read => read.map_err(unreadable)?,
        () = stop.cancelled() => return Err((STOPPED, "stopped before it began".to_owned())),
    };
    Ok(text)
}

async fn make_folders(io: &AsyncIoSystem, into: &Path, items: &[Item]) -> Result<(), (u8, String)> {
    let mut folders: Vec<_> =
        items.iter().filter_map(|item| into.join(&item.name).parent().map(Path::to_owned)).collect();
    folders.push(into.to_owned());
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        io.fs().create_dir_all(folder).await.map_err(|error| (FAILED, error.to_string()))?;
    }
    Ok(())
}

/// What all downloads of a run have in common.
struct Settings {
    into: std::path::PathBuf,
    connections: std::num::NonZeroUsize,
    durability: Durability,
    existing: ExistingName,
    max_size: u64,
    patience: std::time::Duration,
}

impl Settings {
    fn of(args: &FetchArgs) -> Self {
        Self {
            into: args.into.clone(),
            connections: args.connections,
            durability: match args.durability {
                DurabilityName::None => Durability::None,
                DurabilityName::Data => Durability::Data,
                DurabilityName::Full => Durability::Full,
            },
            existing: args.existing,
            max_size: args.max_size.unwrap_or(u64::MAX),
            patience: args.patience,
        }
    }
}

async fn one(
    io: AsyncIoSystem,
    settings: Settings,
    item: Item,
    found: Found,
    jobs: Arc<Semaphore>,
    progress: Arc<TransferProgress>,
) -> Ended {
    if settings.existing == ExistingName::Keep && found.whole {
        return Ended::Kept;
    }
    let job = jobs.acquire().await.expect("nobody closes it");
    let target = settings.into.join(&item.name);
    let download = io
        .download(item.url, &target)
        .connections(settings.connections)
        .durability(settings.durability)
        .max_size(settings.max_size)
        .patience(settings.patience)
        .resume(found.begun)
        .progress(progress);
    let download = match item.checksum {
        Some(checksum) => download.checksum(checksum),
        None => download,
    };
    let received = download.receive().await;
    drop(job);
    let done = match received {
        Ok(received) => received.put_in_place().await,
        Err(error) => Err(error),
    };
    match done {
        Ok(done) => Ended::Fetched { bytes: done.bytes - done.kept },
        Err(error) => Ended::Failed(Failure { name: item.name, error: error.to_string() }),
    }
}

fn watch(progress: Arc<TransferProgress>, ended: Arc<AtomicU64>, files: usize) -> Watch {
    let mut speed = Speed::new();
    Watch::start(move || {
        let now = progress.snapshot();
        let (ended, bytes_per_second) = (ended.load(Relaxed), speed.note(now.bytes));
        let mut parts = vec![
            format!("{} of {} files", HumanCount(ended), HumanCount(files as u64)),
            format!("{} of {}", HumanBytes(now.bytes), HumanBytes(now.expected)),
            format!("{}/s", HumanBytes(bytes_per_second as u64)),
        ];
        parts.extend(time_left(now.expected.saturating_sub(now.bytes), bytes_per_second));
        if now.resumed > 0 {
            parts.push(format!("{} resumed", HumanCount(now.resumed)));
        }
        Moment { position: ended, length: Some(files as u64), line: parts.join(", ") }
    })
}
