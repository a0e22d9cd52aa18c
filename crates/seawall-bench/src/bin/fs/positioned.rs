//! Random reads of 4 KiB from a large file, warm, on one open handle.

use std::fs::File;
use std::io::{self, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use seawall_bench::Comparison;
use seawall_fs::OpenOptions;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::data::{Data, SMALL};
use crate::measure::{Bench, Subject, on_threads, rates};
use crate::peers;

const DEPTH: usize = 32;

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let count = data.paths.len() * 2;
    let what = format!("{count} random reads of 4 KiB, 32 at a time");
    let goals = [("tokio::fs", Some(0.10)), ("std::fs, 2 threads", Some(1.2))];
    let mut rows = bench.compare(&what, subjects(bench, data, count)?, &goals, || Ok(()))?;
    rows.extend(rates(&rows, "positioned reads a second", count, 1_200_000.0));
    Ok(rows)
}

fn check(length: usize) -> io::Result<()> {
    if length == SMALL { Ok(()) } else { Err(io::Error::other("it was not read as a whole")) }
}

/// Somewhere in the file, the same for everybody.
fn place(number: usize, bytes: u64) -> u64 {
    // A multiplicative hash spreads the values (Knuth, TAOCP vol. 3, §6.4).
    let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    mixed % (bytes / SMALL as u64) * SMALL as u64
}

fn subjects<'a>(bench: &'a Bench, data: &'a Data, count: usize) -> io::Result<Vec<Subject<'a>>> {
    let bytes = data.large_bytes;
    let file = bench
        .runtime
        .block_on(bench.fs.open(&data.large, OpenOptions::reading()))
        .map_err(io::Error::other)?;
    let file = Arc::new(file);
    let its = Arc::clone(&file);
    let allocations =
        Bench::allocated(|| async { check(its.read_at(0, SMALL).await.map_err(io::Error::other)?.len()) })?;
    let ours = move || {
        let file = Arc::clone(&file);
        bench.in_tasks(DEPTH, count, move |number| {
            let file = Arc::clone(&file);
            async move { check(file.read_at(place(number, bytes), SMALL).await.map_err(io::Error::other)?.len()) }
        })
    };

    // Its files have one position, so everybody needs one of his own.
    let tokio_fs = move || {
        let path: Arc<std::path::Path> = Arc::from(&*data.large);
        bench.in_tasks(DEPTH, DEPTH, move |task| {
            let path = Arc::clone(&path);
            async move {
                let mut file = tokio::fs::File::open(path).await?;
                let mut buffer = vec![0; SMALL];
                for number in (task..count).step_by(DEPTH) {
                    file.seek(SeekFrom::Start(place(number, bytes))).await?;
                    file.read_exact(&mut buffer).await?;
                }
                Ok(())
            }
        })
    };

    let shared = File::open(&data.large)?;
    let std_fs = move || {
        on_threads(2, count, |number| {
            let mut buffer = vec![0; SMALL];
            shared.read_exact_at(&mut buffer, place(number, bytes))
        })
    };

    let compio = move || {
        use compio::io::AsyncReadAt;
        let runtime = compio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let file = compio::fs::File::open(&data.large).await?;
            let tasks: Vec<_> = (0..DEPTH)
                .map(|task| {
                    let file = file.clone();
                    compio::runtime::spawn(async move {
                        let mut buffer = Vec::with_capacity(SMALL);
                        for number in (task..count).step_by(DEPTH) {
                            buffer.clear();
                            let compio::BufResult(read, filled) =
                                file.read_at(buffer, place(number, bytes)).await;
                            buffer = filled;
                            check(read?)?;
                        }
                        Ok::<_, io::Error>(())
                    })
                })
                .collect();
            peers::all(tasks).await
        })
    };
    Ok(vec![
        Subject::new("seawall", ours).allocating(allocations),
        Subject::new("tokio::fs", tokio_fs),
        Subject::new("std::fs, 2 threads", std_fs),
        Subject::new("compio, 1 thread", compio),
    ])
}
