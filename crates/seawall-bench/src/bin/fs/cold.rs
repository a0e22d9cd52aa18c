//! Whole small files that the page cache does not hold.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::fs::{Advice, fadvise};
use seawall_bench::Comparison;
use seawall_fs::{Fs, FsConfig, Tiers};

use crate::data::Data;
use crate::measure::{Bench, Subject, on_threads, shared};

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let count = data.small.len();
    let paths = shared(&data.small);

    let its = Arc::clone(&paths);
    let by = move |fs: Fs| {
        let paths = Arc::clone(&its);
        bench.in_tasks(256, count, move |number| {
            let (fs, paths) = (fs.clone(), Arc::clone(&paths));
            async move { fs.read(&paths[number], 1 << 20).await.map(drop).map_err(io::Error::other) }
        })
    };
    let threads = Fs::new(&FsConfig { tiers: Tiers::Threads, ..FsConfig::default() }, Arc::new(()));
    let (threads, by_threads) = (threads.map_err(io::Error::other)?, by.clone());
    let tokio_fs = move || {
        let paths = Arc::clone(&paths);
        bench.in_tasks(256, count, move |number| {
            let paths = Arc::clone(&paths);
            async move { tokio::fs::read(&paths[number]).await.map(drop) }
        })
    };
    let std_fs = || on_threads(16, count, |number| std::fs::read(&data.small[number]).map(drop));
    let what = format!("cold: read {count} files of 4 KiB, 256 at a time");
    let subjects = vec![
        Subject::new("seawall", move || by(bench.fs.clone())),
        Subject::new("tokio::fs", tokio_fs),
        Subject::new("std::fs, 16 threads", std_fs),
        Subject::new("seawall, threads only", move || by_threads(threads.clone())),
    ];
    bench.compare(&what, subjects, &[("tokio::fs", Some(0.75))], || forget(data))
}

/// Has the page cache forget the content of the small files, but not their names.
fn forget(data: &Data) -> io::Result<()> {
    rustix::fs::syncfs(File::open(data.root())?)?;
    for path in &data.small {
        fadvise(File::open(path)?, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}
