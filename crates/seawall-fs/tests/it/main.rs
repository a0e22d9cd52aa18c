//! File I/O on the real file system, in temporary directories.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod append;
mod atomic;
mod attributes;
mod bad_days;
mod byte_rate;
mod config;
#[cfg(target_os = "linux")]
mod conformance;
mod copy;
mod crash;
mod descriptors;
mod doors;
mod file;
mod file_model;
mod file_write;
mod lines;
mod locks;
mod log;
mod names;
mod operations;
mod process;
mod quota;
mod retries;
mod root;
mod spans;
mod standard_streams;
mod stream;
mod temporary;
mod tree;
mod walk;
mod watch;
mod write;

use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use seawall_fs::{Fs, FsConfig, Tiers};

fn client() -> Fs {
    Fs::new(&FsConfig::default(), Arc::new(())).unwrap()
}

/// A client with one thread for everything: its next operation begins when the one before is over, whoever waited for
/// that.
fn one_at_a_time() -> Fs {
    let config = FsConfig { concurrency: NonZeroUsize::MIN, tiers: Tiers::Threads, ..FsConfig::default() };
    Fs::new(&config, Arc::new(())).unwrap()
}

fn with_chunks_of(bytes: usize) -> Fs {
    let config = FsConfig { chunk_size: NonZeroUsize::new(bytes).unwrap(), ..FsConfig::default() };
    Fs::new(&config, Arc::new(())).unwrap()
}

/// The temporary files that a replacement has left, or has not removed yet.
fn temporaries(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".seawall-"))
        .count()
}

/// A folder for what is made and removed by the thousand, where the device is not what is tested.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Polls `future` at most `polls` times, each time when it asks to be, and drops it then.
async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut made = 0;
    std::future::poll_fn(move |cx| {
        if made == polls {
            return Poll::Ready(None);
        }
        made += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if made == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
