//! What is known about many files.

use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use seawall_bench::Comparison;

use crate::data::{Data, SMALL};
use crate::measure::{Bench, Subject, on_threads, rates, shared};
use crate::peers;

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let count = data.paths.len();
    let what = format!("stat {count} files, as one list; tokio::fs 64 at a time");
    let goals = [("tokio::fs", Some(0.20)), ("std::fs, 2 threads", Some(1.1))];
    let mut rows = bench.compare(&what, subjects(bench, data)?, &goals, || Ok(()))?;
    rows.extend(rates(&rows, "stats a second, as one list", count, 1_300_000.0));
    Ok(rows)
}

fn check(length: u64) -> io::Result<()> {
    if length == SMALL as u64 { Ok(()) } else { Err(io::Error::other("a file has another length")) }
}

fn subjects<'a>(bench: &'a Bench, data: &'a Data) -> io::Result<Vec<Subject<'a>>> {
    let count = data.paths.len();
    let paths = shared(&data.paths);

    let its = Arc::clone(&paths);
    let ours = move || {
        let mut found = bench.fs.stat_many(Arc::clone(&its));
        bench.runtime.block_on(async move {
            while let Some(metadata) = found.next().await {
                check(metadata.map_err(io::Error::other)?.len())?;
            }
            Ok(())
        })
    };

    let its = Arc::clone(&paths);
    let one_by_one = move || {
        let (fs, paths) = (bench.fs.clone(), Arc::clone(&its));
        bench.in_tasks(64, count, move |number| {
            let (fs, paths) = (fs.clone(), Arc::clone(&paths));
            async move { check(fs.metadata(&paths[number]).await.map_err(io::Error::other)?.len()) }
        })
    };
    let first = &data.paths[0];
    let metadata = || async { check(bench.fs.metadata(first).await.map_err(io::Error::other)?.len()) };
    let one_by_one =
        Subject::new("seawall, 64 at a time", one_by_one).allocating(Bench::allocated(metadata)?);

    let its = Arc::clone(&paths);
    let tokio_fs = move || {
        let paths = Arc::clone(&its);
        bench.in_tasks(64, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { check(tokio::fs::metadata(&paths[number]).await?.len()) }
        })
    };

    let its = Arc::clone(&paths);
    let async_fs = move || {
        let paths = Arc::clone(&its);
        bench.in_tasks(64, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { check(async_fs::metadata(&paths[number]).await?.len()) }
        })
    };

    let std_fs = move || on_threads(2, count, |number| check(std::fs::metadata(&data.paths[number])?.len()));

    let compio =
        move || peers::in_compio(64, &paths, async |path| check(compio::fs::metadata(path).await?.len()));
    Ok(vec![
        Subject::new("seawall", ours),
        Subject::new("tokio::fs", tokio_fs),
        Subject::new("std::fs, 2 threads", std_fs),
        one_by_one,
        Subject::new("async-fs", async_fs),
        Subject::new("compio, 1 thread", compio),
    ])
}
