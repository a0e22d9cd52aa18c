//! Whole small files, warm.

use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use seawall_bench::Comparison;

use crate::data::{Data, SMALL};
use crate::measure::{Bench, Subject, on_threads, rates, shared};
use crate::peers;

/// More than any of the files.
const LIMIT: u64 = 1 << 20;

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let count = data.small.len();
    let what = format!("read {count} files of 4 KiB, 64 at a time");
    let mut rows = bench.compare(
        &what,
        subjects(bench, data, 64)?,
        &[("tokio::fs", Some(0.35)), ("std::fs, 2 threads", Some(1.1))],
        || Ok(()),
    )?;
    rows.extend(rates(&rows, "reads a second of small warm files", count, 440_000.0));
    let what = format!("read {count} files of 4 KiB, one at a time");
    rows.extend(bench.compare(&what, subjects(bench, data, 1)?, &[("tokio::fs", Some(0.20))], || Ok(()))?);
    let what = format!("read {count} files of 4 KiB, as one list");
    rows.extend(bench.compare(&what, many(bench, data), &[], || Ok(()))?);
    Ok(rows)
}

fn check(length: usize) -> io::Result<()> {
    if length == SMALL { Ok(()) } else { Err(io::Error::other("a file was not read as a whole")) }
}

fn many<'a>(bench: &'a Bench, data: &'a Data) -> Vec<Subject<'a>> {
    let paths = shared(&data.small);
    let ours = move || {
        let mut contents = bench.fs.read_many(Arc::clone(&paths), LIMIT);
        bench.runtime.block_on(async move {
            while let Some(content) = contents.next().await {
                check(content.map_err(io::Error::other)?.len())?;
            }
            Ok(())
        })
    };
    let threads =
        || on_threads(2, data.small.len(), |number| check(std::fs::read(&data.small[number])?.len()));
    vec![Subject::new("seawall", ours), Subject::new("std::fs, 2 threads", threads)]
}

fn subjects<'a>(bench: &'a Bench, data: &'a Data, tasks: usize) -> io::Result<Vec<Subject<'a>>> {
    let count = data.small.len();
    let paths = shared(&data.small);
    let first = &data.small[0];

    let its = Arc::clone(&paths);
    let ours = move || {
        let (fs, paths) = (bench.fs.clone(), Arc::clone(&its));
        bench.in_tasks(tasks, count, move |number| {
            let (fs, paths) = (fs.clone(), Arc::clone(&paths));
            async move { check(fs.read(&paths[number], LIMIT).await.map_err(io::Error::other)?.len()) }
        })
    };
    let ours = Subject::new("seawall", ours).allocating(Bench::allocated(|| async {
        check(bench.fs.read(first, LIMIT).await.map_err(io::Error::other)?.len())
    })?);

    let its = Arc::clone(&paths);
    let tokio_fs = move || {
        let paths = Arc::clone(&its);
        bench.in_tasks(tasks, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { check(tokio::fs::read(&paths[number]).await?.len()) }
        })
    };
    let tokio_fs = Subject::new("tokio::fs", tokio_fs)
        .allocating(Bench::allocated(|| async { check(tokio::fs::read(first).await?.len()) })?);

    let its = Arc::clone(&paths);
    let async_fs = move || {
        let paths = Arc::clone(&its);
        bench.in_tasks(tasks, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { check(async_fs::read(&paths[number]).await?.len()) }
        })
    };

    let threads = if tasks == 1 { 1 } else { 2 };
    let name = if tasks == 1 { "std::fs, 1 thread" } else { "std::fs, 2 threads" };
    let std_fs =
        move || on_threads(threads, count, |number| check(std::fs::read(&data.small[number])?.len()));

    let its = Arc::clone(&paths);
    let compio =
        move || peers::in_compio(tasks, &its, async |path| check(compio::fs::read(path).await?.len()));

    let operator = peers::opendal(data.root())?;
    // It takes a quarter of a millisecond for each; a tenth of them tells as much.
    let opendal = move || {
        let names: Arc<[String]> = data.small.iter().map(|path| peers::below(data.root(), path)).collect();
        let operator = operator.clone();
        bench.in_tasks(tasks, count, move |number| {
            let (operator, names) = (operator.clone(), Arc::clone(&names));
            async move { check(operator.read(&names[number]).await.map_err(io::Error::other)?.len()) }
        })
    };
    Ok(vec![
        ours,
        tokio_fs,
        Subject::new(name, std_fs),
        Subject::new("async-fs", async_fs),
        Subject::new("compio, 1 thread", compio),
        Subject::new("opendal fs", opendal),
    ])
}
