//! The same operations on the same files give the same answers wherever they are done: in the caller's task, on a
//! thread, by whatever engine this machine offers, with a warm cache and with a cold one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use rustix::fs::{Advice, CWD, FileType, Mode, fadvise, mknodat};
use seawall_core::Error;
use seawall_fs::{Fs, FsConfig, LineOptions, OpenOptions, Tiers};

use crate::drop_after;

const KIB: usize = 1024;

/// Lengths around everything that anybody might cut at.
const LENGTHS: [usize; 9] =
    [0, 1, 4 * KIB - 1, 4 * KIB, 4 * KIB + 1, 128 * KIB, 128 * KIB + 1, 256 * KIB, 700 * KIB];

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn clients() -> Vec<(Tiers, Fs)> {
    let make = |tiers| Fs::new(&FsConfig { tiers, ..FsConfig::default() }, Arc::new(())).unwrap();
    [Tiers::Auto, Tiers::Threads, Tiers::Uring].into_iter().map(|tiers| (tiers, make(tiers))).collect()
}

/// Folders on every kind of file system that this machine offers for sure.
fn folders() -> Vec<tempfile::TempDir> {
    let mut folders = vec![tempfile::tempdir().unwrap()];
    // A tmpfs, which cannot be asked without waiting.
    folders.extend(tempfile::tempdir_in("/dev/shm"));
    folders
}

/// Everything there may be at a path.
fn furnish(folder: &Path) -> Vec<PathBuf> {
    for length in LENGTHS {
        fs::write(folder.join(format!("file-{length}")), content(length)).unwrap();
    }
    // Has a length but no content on the device.
    File::create(folder.join("hole")).unwrap().set_len(300_000).unwrap();
    fs::create_dir(folder.join("directory")).unwrap();
    fs::write(folder.join("directory/inside"), "inside").unwrap();
    std::os::unix::fs::symlink("file-4096", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("link", folder.join("link-to-link")).unwrap();
    std::os::unix::fs::symlink("directory", folder.join("link-to-directory")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
    std::os::unix::fs::symlink("circle", folder.join("circle")).unwrap();
    mknodat(CWD, folder.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.extend(
        ["link-to-directory/inside", "nowhere", "file-1/below", "nowhere/below"]
            .map(|name| folder.join(name)),
    );
    paths.push(folder.join("n".repeat(300)));
    // What does not know its length, what never ends, and what is no file at all.
    paths.extend(
        ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled", "/dev/null", "/", ""]
            .map(PathBuf::from),
    );
    paths
}

/// Has the page cache forget what is in a folder.
fn cool(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_file() {
            let file = File::open(path).unwrap();
            file.sync_all().unwrap();
            fadvise(file, 0, None, Advice::DontNeed).unwrap();
        }
    }
}

fn told<T>(result: Result<T, Error>, show: impl FnOnce(T) -> String) -> String {
    result.map_or_else(|error| format!("{:?} {error} {}", error.kind(), error.may_have_executed()), show)
}

/// Content, short enough to be looked at in a failure.
fn summary(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("{} bytes of sum {sum:x}", bytes.len())
}

/// What a client answers about a path, to everything it can be asked without changing anything.
async fn answers(fs: &Fs, path: &Path) -> Vec<String> {
    let mut answers = Vec::new();
    for limit in [1 << 20, 4096, 4095, 0] {
        answers.push(told(fs.read(path, limit).await, |bytes| summary(&bytes)));
    }
    let metadata = |metadata: fs::Metadata| format!("{} {:?}", metadata.len(), metadata.file_type());
    answers.push(told(fs.metadata(path).await, metadata));
    answers.push(told(fs.symlink_metadata(path).await, metadata));
    answers.push(told(fs.exists(path).await, |exists| exists.to_string()));
    for offset in [0, 1, 4096, 300_000, 10 << 20] {
        let chunks: Result<Vec<_>, _> = fs.stream(path, offset).try_collect().await;
        answers.push(told(chunks, |chunks| {
            let lengths: Vec<_> = chunks.iter().map(bytes::Bytes::len).collect();
            format!("{lengths:?} {}", summary(&chunks.concat()))
        }));
    }
    for max_length in [1 << 20, 1000, 100] {
        let options = LineOptions { max_length, ..LineOptions::default() };
        let batches: Result<Vec<_>, _> = fs.line_batches(path, options).try_collect().await;
        answers.push(told(batches, |batches| {
            let lengths: Vec<_> = batches.iter().map(|batch| (batch.offset(), batch.len())).collect();
            let content: Vec<_> = batches.iter().flat_map(|batch| batch.data().to_vec()).collect();
            format!("{lengths:?} {}", summary(&content))
        }));
    }
    match fs.open(path, OpenOptions::reading()).await {
        Err(error) => answers.push(told::<()>(Err(error), |()| String::new())),
        Ok(file) => {
            for (offset, count) in [
                (0, 0),
                (0, 4096),
                (1, 4096),
                (4090, 10),
                (4096, 1),
                (127 * 1024, 2048),
                (0, 700 * KIB),
                (9 << 20, 10),
            ] {
                answers.push(told(file.read_at(offset, count).await, |bytes| summary(&bytes)));
            }
        }
    }
    answers
}

#[tokio::test]
async fn every_engine_gives_the_same_answers_about_everything_that_may_be_at_a_path() {
    for folder in folders() {
        let paths = furnish(folder.path());
        let clients = clients();
        // The first round teaches, the second knows, the third meets a cold cache and the fourth what is left of that.
        for round in 0..4 {
            for path in &paths {
                if round == 2 {
                    cool(folder.path());
                }
                let mut expected = None;
                for (tiers, fs) in &clients {
                    let found = answers(fs, path).await;
                    let expected = expected.get_or_insert_with(|| found.clone());
                    assert_eq!(&found, expected, "{} in round {round} by {tiers:?}", path.display());
                }
            }
        }
    }
}

#[tokio::test]
async fn every_engine_reads_what_was_written() {
    for folder in folders() {
        furnish(folder.path());
        for (tiers, fs) in clients() {
            for round in 0..3 {
                for length in LENGTHS {
                    let read = fs.read(folder.path().join(format!("file-{length}")), 1 << 20).await.unwrap();
                    assert!(read == content(length), "{length} bytes in round {round} by {tiers:?}");
                }
                let hole = fs.read(folder.path().join("hole"), 1 << 20).await.unwrap();
                assert!(hole == vec![0; 300_000], "{tiers:?}");
            }
        }
    }
}

#[tokio::test]
async fn lists_give_the_same_answers_as_their_paths_one_by_one() {
    for folder in folders() {
        let paths = furnish(folder.path());
        // Several requests' worth.
        let list: Arc<[PathBuf]> = paths.iter().cycle().take(700).cloned().collect();
        for (_, fs) in clients() {
            let read: Vec<_> = fs.read_many(Arc::clone(&list), 200_000).collect().await;
            let found: Vec<_> = fs.stat_many(Arc::clone(&list)).collect().await;
            assert_eq!((read.len(), found.len()), (list.len(), list.len()));
            for ((path, read), found) in list.iter().zip(read).zip(found) {
                let alone = told(fs.read(path, 200_000).await, |bytes| summary(&bytes));
                assert_eq!(told(read, |bytes| summary(&bytes)), alone.replace("fs `read ", "fs `read_many "));
                let alone = told(fs.metadata(path).await, |metadata| metadata.len().to_string());
                let found = told(found, |metadata| metadata.len().to_string());
                assert_eq!(found, alone.replace("fs `metadata ", "fs `stat_many "));
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_changes_its_length_is_read_as_it_is() {
    for folder in folders() {
        for (tiers, fs) in clients() {
            let path = folder.path().join("changing");
            for length in [10, 5000, 0, 200_000, 3, 4096, 0, 1] {
                fs::write(&path, content(length)).unwrap();
                for _ in 0..2 {
                    assert!(
                        fs.read(&path, 1 << 20).await.unwrap() == content(length),
                        "{length} by {tiers:?}"
                    );
                }
            }
            fs::remove_file(&path).unwrap();
            fs.read(&path, 1 << 20).await.unwrap_err();
        }
    }
}

/// Whether the page cache of this file can be asked without waiting, found out independently.
fn can_be_asked(path: &Path) -> bool {
    let file = File::open(path).unwrap();
    let mut byte = [0];
    let flags = rustix::io::ReadWriteFlags::NOWAIT;
    rustix::io::preadv2(&file, &mut [io::IoSliceMut::new(&mut byte)], 0, flags).is_ok()
}

#[tokio::test]
async fn what_the_page_cache_holds_is_there_at_the_first_poll_where_it_can_be_asked() {
    for folder in folders() {
        furnish(folder.path());
        let path = folder.path().join("file-4096");
        if !can_be_asked(&path) {
            continue;
        }
        let fs = Fs::new(&FsConfig::default(), Arc::new(())).unwrap();
        // The first one teaches.
        fs.read(&path, 1 << 20).await.unwrap();
        // Once in a while others have their turn first.
        let mut at_once = 0;
        for _ in 0..10 {
            at_once += usize::from(drop_after(1, fs.read(&path, 1 << 20)).await.is_some());
        }
        assert!(at_once >= 5, "{at_once} times of 10");
    }
}
