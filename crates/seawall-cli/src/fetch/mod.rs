//! `seawall fetch`: many downloads at once.

mod found;
mod list;
mod report;
mod run;
mod settings;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{HumanBytes, HumanCount};
use seawall::AsyncIoSystem;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::args::FetchArgs;
use crate::exit::{FAILED, STOPPED, USAGE, fail_as};
use crate::signals::stop_on_signal;
use crate::system;
use crate::watch::{Moment, Speed, Watch, time_left};
use list::Item;
use report::{Report, code, show};
use run::Run;
use settings::Settings;

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

async fn fetch(args: &FetchArgs, stop: &CancellationToken) -> Result<Report, (u8, String)> {
    let items = list::parse(&read_list(&args.list, stop).await?)
        .map_err(|problem| (USAGE, format!("{}: {problem}", args.list.display())))?;
    let io = system::without_database().await?;
    system::log(&io, args.verbose);
    make_folders(&io, &args.into, &items).await?;
    let begun = Instant::now();
    let run = Arc::new(Run::new(io, Settings::of(args), items));
    let watch = (!args.json).then(|| watch(Arc::clone(&run)));
    Arc::clone(&run).work(stop).await;
    drop(watch);
    let mut report = std::mem::take(&mut *run.report());
    report.resumed = run.progress().resumed;
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

fn watch(run: Arc<Run>) -> Watch {
    let mut speed = Speed::new();
    Watch::start(move || {
        let (now, (ended, files)) = (run.progress(), run.files());
        let bytes_per_second = speed.note(now.bytes);
        let mut parts = vec![
            format!("{} of {} files", HumanCount(ended), HumanCount(files)),
            format!("{} of {}", HumanBytes(now.bytes), HumanBytes(now.expected)),
            format!("{}/s", HumanBytes(bytes_per_second as u64)),
        ];
        parts.extend(time_left(now.expected.saturating_sub(now.bytes), bytes_per_second));
        if now.resumed > 0 {
            parts.push(format!("{} resumed", HumanCount(now.resumed)));
        }
        Moment { position: ended, length: Some(files), line: parts.join(", ") }
    })
}
