//! Large things: the lines of a text, the copy of a file, the walk of a tree.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use ignore::{WalkBuilder, WalkState};
use seawall_bench::Comparison;
use seawall_fs::{Fs, LineOptions};
use tokio::io::AsyncBufReadExt;

use crate::data::Data;
use crate::measure::{Bench, Subject};
use crate::stream;

fn is(found: usize, expected: usize, what: &str) -> io::Result<()> {
    if found == expected { Ok(()) } else { Err(io::Error::other(format!("{found} {what} of {expected}"))) }
}

pub(crate) fn lines(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let (path, expected) = (&*data.text, data.lines);
    let larger = stream::client()?;
    // Each line is looked at as a slice.
    let by = |fs: &Fs| {
        let counting = async {
            let mut batches = fs.line_batches(path, LineOptions::default());
            let (mut count, mut bytes) = (0, 0);
            while let Some(batch) = batches.try_next().await.map_err(io::Error::other)? {
                for line in batch.iter() {
                    count += 1;
                    bytes += line.len();
                }
            }
            std::hint::black_box(bytes);
            is(count, expected, "lines")
        };
        bench.runtime.block_on(counting)
    };
    let tokio_fs = || {
        let counting = async {
            let mut lines = tokio::io::BufReader::new(tokio::fs::File::open(path).await?).lines();
            let mut count = 0;
            while lines.next_line().await?.is_some() {
                count += 1;
            }
            is(count, expected, "lines")
        };
        bench.runtime.block_on(counting)
    };
    let subjects = vec![
        Subject::new("seawall", || by(&bench.fs)),
        Subject::new("tokio BufReader::lines", tokio_fs),
        Subject::new("memchr over std::fs", || is(split(path)?, expected, "lines")),
        Subject::new("std BufReader::lines", || {
            is(
                BufReader::new(File::open(path)?).lines().try_fold(0, |sum, line| line.map(|_| sum + 1))?,
                expected,
                "lines",
            )
        }),
        Subject::new("seawall, chunks of 1 MiB", || by(&larger)),
    ];
    let goals = [("tokio BufReader::lines", Some(0.15)), ("memchr over std::fs", Some(1.1))];
    bench.compare(&format!("lines of a {} MiB text", data.text_bytes >> 20), subjects, &goals, || Ok(()))
}

/// What can be done at the most: chunks of 256 KiB, and each line a slice of them.
fn split(path: &Path) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut held, mut count, mut bytes) = (0, 0, 0);
    loop {
        let read = file.read(&mut buffer[held..])?;
        let filled = held + read;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &buffer[..filled]) {
            count += 1;
            bytes += buffer[start..end].len();
            start = end + 1;
        }
        if read == 0 {
            std::hint::black_box(bytes);
            return Ok(count + usize::from(start < filled));
        }
        buffer.copy_within(start..filled, 0);
        held = filled - start;
    }
}

pub(crate) fn copy(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let (from, bytes) = (&*data.large, data.large_bytes);
    let to = data.root().join("copy");
    let check = |copied: u64| is(copied as usize, bytes as usize, "bytes");
    let subjects = vec![
        Subject::new("seawall", || {
            check(bench.runtime.block_on(bench.fs.copy(from, &to)).map_err(io::Error::other)?)
        }),
        Subject::new("tokio::fs", || check(bench.runtime.block_on(tokio::fs::copy(from, &to))?)),
        Subject::new("std::fs", || check(std::fs::copy(from, &to)?)),
    ];
    // What the one before has left to be written is not the next one's affair.
    let prepare = || {
        if to.exists() {
            std::fs::remove_file(&to)?;
        }
        Ok(rustix::fs::syncfs(File::open(data.root())?)?)
    };
    let goals = [("tokio::fs", Some(1.0)), ("std::fs", Some(1.0))];
    let rows = bench.compare(&format!("copy {} MiB", bytes >> 20), subjects, &goals, prepare)?;
    std::fs::remove_file(&to)?;
    Ok(rows)
}

pub(crate) fn walk(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let (root, expected) = (&*data.tree, data.tree_entries);
    let ours = || {
        let counting = async {
            let mut batches = bench.fs.walk(root).batches();
            let mut count = 0;
            while let Some(batch) = futures_util::StreamExt::next(&mut batches).await {
                for entry in batch {
                    entry.map_err(io::Error::other)?;
                    count += 1;
                }
            }
            is(count, expected, "entries")
        };
        bench.runtime.block_on(counting)
    };
    let parallel = || {
        let count = AtomicUsize::new(0);
        let walk = WalkBuilder::new(root).standard_filters(false).threads(2).build_parallel();
        walk.run(|| {
            Box::new(|entry| {
                count.fetch_add(usize::from(entry.is_ok_and(|entry| entry.depth() > 0)), Ordering::Relaxed);
                WalkState::Continue
            })
        });
        is(count.into_inner(), expected, "entries")
    };
    let subjects = vec![
        Subject::new("seawall", ours),
        Subject::new("tokio::fs", || is(bench.runtime.block_on(walk_by_tokio(root))?, expected, "entries")),
        Subject::new("ignore, 2 threads", parallel),
        Subject::new("std::fs, 1 thread", || is(walk_by_std(root)?, expected, "entries")),
    ];
    let goals = [("tokio::fs", Some(0.20)), ("ignore, 2 threads", Some(0.7))];
    bench.compare(&format!("walk {expected} entries"), subjects, &goals, || Ok(()))
}

async fn walk_by_tokio(root: &Path) -> io::Result<usize> {
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            count += 1;
            if entry.file_type().await?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(count)
}

fn walk_by_std(root: &Path) -> io::Result<usize> {
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            count += 1;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(count)
}
