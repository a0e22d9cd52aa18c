//! A large file by chunks of 1 MiB.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt;
use seawall_bench::Comparison;
use seawall_fs::{Fs, FsConfig};
use tokio::io::AsyncReadExt;

use crate::data::Data;
use crate::measure::{Bench, Subject};
use crate::peers;

pub(crate) const CHUNK: usize = 1 << 20;

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let what = format!("stream {} MiB in chunks of 1 MiB", data.large_bytes >> 20);
    let goals = [("tokio::fs", Some(0.50)), ("std::fs, 1 thread", Some(1.1))];
    let fs = client()?;
    let (path, bytes) = (&data.large, data.large_bytes);
    let operator = peers::opendal(data.root())?;
    let name = peers::below(data.root(), path);
    let subjects = vec![
        Subject::new("seawall", || check(bench.runtime.block_on(ours(&fs, path))?, bytes)),
        Subject::new("tokio::fs", || check(bench.runtime.block_on(tokio_fs(path))?, bytes)),
        Subject::new("std::fs, 1 thread", || check(std_fs(path)?, bytes)),
        Subject::new("async-fs", || check(bench.runtime.block_on(async_fs(path))?, bytes)),
        Subject::new("compio, 1 thread", || {
            check(compio::runtime::Runtime::new()?.block_on(compio_fs(path))?, bytes)
        }),
        Subject::new("opendal fs", || {
            let reading = async {
                let reader = operator.reader_with(&name).chunk(CHUNK).await.map_err(io::Error::other)?;
                let stream = reader.into_bytes_stream(0..bytes).await.map_err(io::Error::other)?;
                stream.try_fold(0, async |sum, chunk| Ok(sum + chunk.len() as u64)).await
            };
            check(bench.runtime.block_on(reading)?, bytes)
        }),
    ];
    bench.compare(&what, subjects, &goals, || Ok(()))
}

/// A client with these chunks.
pub(crate) fn client() -> io::Result<Fs> {
    let chunk_size = NonZeroUsize::new(CHUNK).unwrap_or(NonZeroUsize::MIN);
    Fs::new(&FsConfig { chunk_size, ..FsConfig::default() }, Arc::new(())).map_err(io::Error::other)
}

pub(crate) async fn ours(fs: &Fs, path: &Path) -> io::Result<u64> {
    let chunks = fs.stream(path, 0).map_err(io::Error::other);
    chunks.try_fold(0, async |sum, chunk| Ok(sum + chunk.len() as u64)).await
}

pub(crate) async fn tokio_fs(path: &Path) -> io::Result<u64> {
    let mut file = tokio::fs::File::open(path).await?;
    let (mut buffer, mut sum) = (vec![0; CHUNK], 0);
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(sum),
            read => sum += read as u64,
        }
    }
}

fn std_fs(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let (mut buffer, mut sum) = (vec![0; CHUNK], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(sum),
            read => sum += read as u64,
        }
    }
}

async fn async_fs(path: &Path) -> io::Result<u64> {
    use futures_util::AsyncReadExt as _;
    let mut file = async_fs::File::open(path).await?;
    let (mut buffer, mut sum) = (vec![0; CHUNK], 0);
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(sum),
            read => sum += read as u64,
        }
    }
}

async fn compio_fs(path: &Path) -> io::Result<u64> {
    use compio::io::AsyncReadAt;
    let file = compio::fs::File::open(path).await?;
    let (mut buffer, mut sum) = (Vec::with_capacity(CHUNK), 0);
    loop {
        buffer.clear();
        let compio::BufResult(read, filled) = file.read_at(buffer, sum).await;
        buffer = filled;
        match read? {
            0 => return Ok(sum),
            read => sum += read as u64,
        }
    }
}

fn check(read: u64, expected: u64) -> io::Result<()> {
    if read == expected { Ok(()) } else { Err(io::Error::other("the file was not read as a whole")) }
}
