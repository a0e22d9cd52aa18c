//! Small files: made anew, and replaced so that they outlive a power failure.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use seawall_bench::Comparison;
use seawall_fs::Durability;
use tokio::io::AsyncWriteExt;

use crate::data::{Data, SMALL};
use crate::measure::{Bench, Subject, on_threads, rates, shared};
use crate::peers;

const CONTENT: [u8; SMALL] = [7; SMALL];

/// Files that are replaced.
const DURABLE: usize = 200;

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let count = data.small.len();
    let room = data.room_for_new_files()?;
    let folder = room.path().join("written");
    let paths: Vec<PathBuf> = (0..count).map(|number| folder.join(format!("{number:05}.bin"))).collect();
    let what = format!("write {count} new files of 4 KiB, on tmpfs, as one list; peers 64 at a time");
    let goals = [("tokio::fs", Some(0.55)), ("std::fs, 2 threads", Some(1.2))];
    let mut rows = bench.compare(&what, new_files(bench, room.path(), &paths)?, &goals, || empty(&folder))?;
    rows.extend(rates(&rows, "new files a second", count, 90_000.0));
    Ok(rows)
}

pub(crate) fn durable(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let folder = data.root().join("replaced");
    empty(&folder)?;
    let paths: Vec<PathBuf> = (0..DURABLE).map(|number| folder.join(format!("{number:03}.bin"))).collect();
    for path in &paths {
        fs::write(path, CONTENT)?;
    }
    let what = format!("replace {DURABLE} files of 4 KiB so that they outlive a power failure");
    let goals = [("tokio::fs, one by one", Some(0.30)), ("std::fs, 2 threads", Some(0.7))];
    let mut rows = bench.compare(&what, replaced(bench, &paths), &goals, || Ok(()))?;
    rows.extend(rates(&rows, "durable replacements a second", DURABLE, 6_000.0));
    Ok(rows)
}

/// An empty folder, and nothing left to be written behind.
fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

fn new_files<'a>(bench: &'a Bench, room: &'a Path, paths: &'a [PathBuf]) -> io::Result<Vec<Subject<'a>>> {
    let all = shared(paths);
    let count = paths.len();
    let content = Bytes::from_static(&CONTENT);

    let its = content.clone();
    let ours = move || {
        let files = paths.iter().map(|path| (path.clone(), its.clone()));
        let written = bench.runtime.block_on(bench.fs.write_many(files));
        written.into_iter().collect::<Result<(), _>>().map_err(io::Error::other)
    };

    let its = Arc::clone(&all);
    let one_by_one = move || {
        let (fs, paths, content) = (bench.fs.clone(), Arc::clone(&its), content.clone());
        bench.in_tasks(64, count, move |number| {
            let (fs, paths, content) = (fs.clone(), Arc::clone(&paths), content.clone());
            async move { fs.write(&paths[number], content).await.map_err(io::Error::other) }
        })
    };

    let its = Arc::clone(&all);
    let tokio_fs = move || {
        let paths = Arc::clone(&its);
        bench.in_tasks(64, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { tokio::fs::write(&paths[number], CONTENT).await }
        })
    };

    let its = Arc::clone(&all);
    let async_fs = move || {
        let paths = Arc::clone(&its);
        bench.in_tasks(64, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { async_fs::write(&paths[number], CONTENT).await }
        })
    };

    let std_fs = move || on_threads(2, count, |number| fs::write(&paths[number], CONTENT));
    let compio =
        move || peers::in_compio(64, &all, async |path| compio::fs::write(path, CONTENT.to_vec()).await.0);

    let operator = peers::opendal(room)?;
    let opendal = move || {
        let names: Arc<[String]> = paths.iter().map(|path| peers::below(room, path)).collect();
        let operator = operator.clone();
        bench.in_tasks(64, count, move |number| {
            let (operator, names) = (operator.clone(), Arc::clone(&names));
            async move {
                operator.write(&names[number], CONTENT.to_vec()).await.map(drop).map_err(io::Error::other)
            }
        })
    };
    Ok(vec![
        Subject::new("seawall", ours),
        Subject::new("tokio::fs", tokio_fs),
        Subject::new("std::fs, 2 threads", std_fs),
        Subject::new("seawall, 64 at a time", one_by_one),
        Subject::new("async-fs", async_fs),
        Subject::new("compio, 1 thread", compio),
        Subject::new("opendal fs", opendal),
    ])
}

fn replaced<'a>(bench: &'a Bench, paths: &'a [PathBuf]) -> Vec<Subject<'a>> {
    let ours = || {
        let files = paths.iter().map(|path| (path.clone(), Bytes::from_static(&CONTENT)));
        let written = bench.runtime.block_on(bench.fs.write_atomic_many(files, Durability::Full));
        written.into_iter().collect::<Result<(), _>>().map_err(io::Error::other)
    };
    let all = shared(paths);
    let its = Arc::clone(&all);
    let by_tokio = move |tasks: usize| {
        let paths = Arc::clone(&its);
        bench.in_tasks(tasks, DURABLE, move |number| {
            let paths = Arc::clone(&paths);
            async move { replace_by_tokio(&paths[number]).await }
        })
    };
    let parallel = by_tokio.clone();
    let one_at_a_time = move || {
        let (fs, paths) = (bench.fs.clone(), Arc::clone(&all));
        bench.in_tasks(32, DURABLE, move |number| {
            let (fs, paths) = (fs.clone(), Arc::clone(&paths));
            async move {
                fs.write_atomic(&paths[number], Bytes::from_static(&CONTENT)).await.map_err(io::Error::other)
            }
        })
    };
    vec![
        Subject::new("seawall", ours),
        Subject::new("tokio::fs, one by one", move || by_tokio(1)),
        Subject::new("std::fs, 2 threads", || {
            on_threads(2, DURABLE, |number| replace_by_std(&paths[number]))
        }),
        Subject::new("tokio::fs, 32 at a time", move || parallel(32)),
        Subject::new("seawall, 32 at a time", one_at_a_time),
    ]
}

async fn replace_by_tokio(path: &Path) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = tokio::fs::File::create(&temporary).await?;
    file.write_all(&CONTENT).await?;
    file.flush().await?;
    file.sync_data().await?;
    tokio::fs::rename(&temporary, path).await?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    tokio::fs::File::open(folder).await?.sync_all().await
}

fn replace_by_std(path: &Path) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(&CONTENT)?;
    file.sync_data()?;
    fs::rename(&temporary, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
