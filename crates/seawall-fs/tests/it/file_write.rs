//! Writing open files: nothing that was taken over is lost in silence.
#![cfg(unix)]

use std::fs;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use seawall_core::{Error, FailureKind};
use seawall_fs::{File, Fs, FsRequest, OpenOptions, Operation};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::operations::cause;
use crate::process::{among_mounts_of_its_own, run};
use crate::{client, drop_after, with_chunks_of};

/// A file system of so many kilobytes, gone when dropped. For a process [among mounts of its own](among_mounts_of_its_own).
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kilobytes: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={kilobytes}k");
        run(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", directory.path().to_str().unwrap()]);
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    (directory, path)
}

async fn writing(fs: &Fs, path: &Path) -> File {
    fs.open(path, OpenOptions::writing().read(true)).await.unwrap()
}

/// Waits until the file at `path` holds `content`, which somebody writes in the background.
async fn comes_to_hold(path: &Path, content: &[u8]) {
    while fs::read(path).unwrap() != content {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn small_writes_gather_and_a_flush_shows_them() {
    let (_directory, path) = file();
    let mut file = writing(&client(), &path).await;
    file.write_lines(["one\n", "two\n"]).await.unwrap();
    assert_eq!((file.position(), file.unwritten()), (8, 8));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    file.flush().await.unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), file.unwritten()), ("one\ntwo\n", 0));
    file.write_bytes(Bytes::new()).await.unwrap();
    file.sync_data().await.unwrap();
    file.sync_all().await.unwrap();
}

#[tokio::test]
async fn a_chunks_worth_goes_out_by_itself_and_memory_stays_bounded() {
    let (_directory, path) = file();
    let mut file = writing(&with_chunks_of(10), &path).await;
    let mut expected = Vec::new();
    for number in 0..1000 {
        let piece = format!("{number},").repeat(number % 3);
        expected.extend_from_slice(piece.as_bytes());
        file.write_bytes(piece).await.unwrap();
        assert!(file.unwritten() < 40, "{}", file.unwritten());
    }
    file.close().await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), expected);
}

#[tokio::test]
async fn reads_and_seeks_see_what_was_written_before() {
    let (_directory, path) = file();
    let mut file = writing(&client(), &path).await;
    file.write_bytes("hello world").await.unwrap();
    file.seek(SeekFrom::Start(6)).await.unwrap();
    assert_eq!(file.read_bytes(9).await.unwrap(), "world");
    file.seek(SeekFrom::Start(0)).await.unwrap();
    file.write_bytes("J").await.unwrap();
    assert_eq!(file.read_bytes(4).await.unwrap(), "ello");
    assert_eq!(file.seek(SeekFrom::End(0)).await.unwrap(), 11);
    file.write_bytes("!").await.unwrap();
    file.set_len(3).await.unwrap();
    assert_eq!(file.position(), 12);
    assert_eq!(file.into_std().await.unwrap().metadata().unwrap().len(), 3);
    assert_eq!(fs::read_to_string(&path).unwrap(), "Jel");
}

#[tokio::test]
async fn what_is_appended_goes_to_the_end_wherever_others_put_it() {
    let (_directory, path) = file();
    fs::write(&path, "head ").unwrap();
    let fs = client();
    let mut one = fs.open(&path, OpenOptions::appending().read(true)).await.unwrap();
    let mut other = fs.open(&path, OpenOptions::appending()).await.unwrap();
    assert_eq!(one.read_bytes(9).await.unwrap(), "head ");
    other.write_bytes("other ").await.unwrap();
    other.flush().await.unwrap();
    one.write_bytes("one").await.unwrap();
    one.flush().await.unwrap();
    assert_eq!(one.position(), 14);
    assert_eq!(fs::read_to_string(&path).unwrap(), "head other one");
    let error = one.write_at(0, "x").await.unwrap_err();
    assert!(error.to_string().contains("opened so that all is written at the end"), "{error}");
}

#[test]
fn a_full_device_is_told_by_every_call_until_it_is_handled_and_nothing_is_lost() {
    among_mounts_of_its_own(
        "file_write::a_full_device_is_told_by_every_call_until_it_is_handled_and_nothing_is_lost",
        async || {
            let disk = SmallDisk::mount(64);
            let fs = with_chunks_of(16 * 1024);
            let ballast = disk.path().join("ballast");
            fs::write(&ballast, vec![0; 32 * 1024]).unwrap();
            let path = disk.path().join("file");
            let mut file = writing(&fs, &path).await;
            let content: Vec<u8> = (0..48 * 1024_u32).map(|number| number as u8).collect();
            let (mut taken, mut failures) = (0, 0);
            for piece in content.chunks(4 * 1024) {
                match file.write_bytes(Bytes::copy_from_slice(piece)).await {
                    Ok(()) => taken += piece.len(),
                    Err(error) => {
                        assert_eq!(cause(&error), io::ErrorKind::StorageFull);
                        failures += 1;
                    }
                }
            }
            for error in [
                file.flush().await.unwrap_err(),
                file.flush().await.unwrap_err(),
                file.sync_all().await.unwrap_err(),
                file.write_bytes("x").await.unwrap_err(),
                file.seek(SeekFrom::Start(0)).await.unwrap_err(),
                file.set_len(0).await.unwrap_err(),
                file.read_bytes(1).await.unwrap_err(),
            ] {
                assert_eq!(cause(&error), io::ErrorKind::StorageFull);
            }
            assert!(file.failure().is_some());
            assert_eq!(file.position(), taken as u64);
            assert!(failures > 0 || taken == content.len());

            // Room alone does not make it forget; somebody has to say what becomes of the bytes.
            fs::remove_file(&ballast).unwrap();
            assert!(file.flush().await.is_err());
            assert!(file.unwritten() > 0);
            file.retry_unwritten();
            file.write_bytes(content[taken..].to_vec()).await.unwrap();
            file.sync_all().await.unwrap();
            assert!(fs::read(&path).unwrap() == content);
            assert_eq!(fs.losses().bytes, 0);
        },
    );
}

#[tokio::test]
async fn what_cannot_be_written_is_given_back_whole() {
    let fs = client();
    let mut file = fs.open("/dev/full", OpenOptions::new().write(true)).await.unwrap();
    file.write_bytes("some ").await.unwrap();
    file.write_bytes("bytes").await.unwrap();
    assert_eq!(cause(&file.flush().await.unwrap_err()), io::ErrorKind::StorageFull);
    let rest = file.discard_unwritten().await.unwrap();
    assert_eq!(rest.concat(), b"some bytes");
    assert_eq!((file.position(), file.unwritten()), (0, 0));
    file.flush().await.unwrap();
    file.close().await.unwrap();
    assert_eq!(fs.losses().bytes, 0);
}

#[tokio::test]
async fn closing_tells_what_dropping_can_only_count() {
    let fs = client();
    let full = || fs.open("/dev/full", OpenOptions::new().write(true));
    let mut closed = full().await.unwrap();
    closed.write_bytes("12345").await.unwrap();
    assert_eq!(cause(&closed.close().await.unwrap_err()), io::ErrorKind::StorageFull);
    assert_eq!((fs.losses().writers, fs.losses().bytes), (1, 5));

    let mut dropped = full().await.unwrap();
    dropped.write_bytes("1234567").await.unwrap();
    drop(dropped);
    while fs.losses().writers < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs.losses().bytes, 12);
}

#[tokio::test]
async fn a_dropped_file_writes_what_it_has_taken_over() {
    let (_directory, path) = file();
    let fs = client();
    let mut file = writing(&fs, &path).await;
    file.write_bytes("taken over").await.unwrap();
    drop(file);
    comes_to_hold(&path, b"taken over").await;
    assert_eq!(fs.losses().writers, 0);
}

#[test]
fn a_file_dropped_outside_of_any_runtime_writes_there_and_then() {
    let (_directory, path) = file();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = runtime.block_on(async {
        let mut file = writing(&client(), &path).await;
        file.write_bytes("taken over").await.unwrap();
        file
    });
    drop(runtime);
    drop(file);
    assert_eq!(fs::read_to_string(&path).unwrap(), "taken over");
}

#[tokio::test]
async fn writes_and_flushes_dropped_at_any_point_lose_and_double_nothing() {
    for append in [false, true] {
        let (_directory, path) = file();
        let fs = with_chunks_of(64);
        let options = if append { OpenOptions::appending() } else { OpenOptions::writing() };
        let mut file = fs.open(&path, options).await.unwrap();
        let mut expected = Vec::new();
        for number in 0..400_usize {
            let piece = format!("<{number}>").repeat(number % 5);
            // Dropped before it returned, it has taken nothing.
            let taken = drop_after(number % 4, file.write_bytes(piece.clone())).await;
            if let Some(result) = taken {
                result.unwrap();
                expected.extend_from_slice(piece.as_bytes());
            }
            if number % 7 == 0
                && let Some(result) = drop_after(number % 3, file.flush()).await
            {
                result.unwrap();
            }
            if number % 50 == 0
                && let Some(result) = drop_after(number % 3, file.sync_data()).await
            {
                result.unwrap();
            }
        }
        file.flush().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), expected, "append: {append}");
        assert_eq!(file.position(), expected.len() as u64);
    }
}

#[tokio::test]
async fn a_length_set_by_a_dropped_call_does_not_land_on_what_is_written_next() {
    for polls in 0..5 {
        let (_directory, path) = file();
        let mut file = writing(&client(), &path).await;
        file.write_bytes("before").await.unwrap();
        drop_after(polls, file.set_len(0)).await;
        file.seek(SeekFrom::Start(0)).await.unwrap();
        file.write_bytes("after it").await.unwrap();
        file.close().await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after it", "{polls} polls");
    }
}

#[tokio::test]
async fn a_refusal_of_a_layer_loses_nothing_and_is_over_when_it_is_over() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let (_directory, path) = file();
    let closed = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&closed);
    let layer = tower::util::MapRequestLayer::new(|request: FsRequest| request);
    let refusing = tower::layer::layer_fn(move |inner| {
        let gate = Arc::clone(&gate);
        tower::ServiceBuilder::new()
            .filter(move |request: FsRequest| {
                let refused = gate.load(Ordering::Relaxed) && request.operation() == Operation::WriteAt;
                let error = Error::new(FailureKind::Refused, "test", "gate").not_executed();
                if refused { Err(error) } else { Ok(request) }
            })
            .service(inner)
    });
    let fs = client().layer(layer).layer(refusing);
    let mut file = writing(&fs, &path).await;
    file.write_bytes("kept").await.unwrap();
    closed.store(true, Ordering::Relaxed);
    assert_eq!(file.flush().await.unwrap_err().kind(), FailureKind::Refused);
    assert!(file.failure().is_none());
    file.write_bytes(" and more").await.unwrap();
    closed.store(false, Ordering::Relaxed);
    file.flush().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept and more");
}

#[tokio::test]
async fn those_who_come_from_tokio_find_its_traits() {
    let (_directory, path) = file();
    let mut file = writing(&with_chunks_of(1000), &path).await;
    let long = vec![b'z'; 5000];
    file.write_all(&long).await.unwrap();
    file.write_all(b"\nline two\nthree").await.unwrap();
    AsyncWriteExt::flush(&mut file).await.unwrap();
    AsyncSeekExt::rewind(&mut file).await.unwrap();
    let mut buffer = [0; 5000];
    file.read_exact(&mut buffer).await.unwrap();
    assert_eq!(buffer[..], long);
    let mut lines = file.lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(""));
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("line two"));
    let mut file = lines.into_inner();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "three");
    assert_eq!(AsyncSeekExt::seek(&mut file, SeekFrom::End(-3)).await.unwrap(), 5012);
    assert_eq!(file.read_u8().await.unwrap(), b'r');
    let error = AsyncSeekExt::seek(&mut file, SeekFrom::Current(-99_999)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    file.shutdown().await.unwrap();

    let mut full = client().open("/dev/full", OpenOptions::new().write(true)).await.unwrap();
    full.write_all(b"lost by tokio").await.unwrap();
    for _ in 0..3 {
        assert_eq!(AsyncWriteExt::flush(&mut full).await.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
    assert_eq!(full.write(b"x").await.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[tokio::test]
async fn a_copy_by_tokio_from_one_file_to_another_is_whole() {
    let (directory, path) = file();
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
    fs::write(&path, &content).unwrap();
    let fs = client();
    let mut from = fs.open(&path, OpenOptions::reading()).await.unwrap();
    let mut to = fs.open(directory.path().join("to"), OpenOptions::writing()).await.unwrap();
    assert_eq!(tokio::io::copy(&mut from, &mut to).await.unwrap(), 3_000_000);
    to.close().await.unwrap();
    assert!(fs::read(directory.path().join("to")).unwrap() == content);
}

#[test]
fn a_disk_mounted_read_only_is_told_by_name() {
    among_mounts_of_its_own("file_write::a_disk_mounted_read_only_is_told_by_name", async || {
        let disk = SmallDisk::mount(64);
        let path = disk.path().join("file");
        fs::write(&path, "old").unwrap();
        run(&["mount", "-o", "remount,bind,ro", disk.path().to_str().unwrap()]);
        let fs = client();
        for error in [
            fs.open(&path, OpenOptions::writing()).await.unwrap_err(),
            fs.write_atomic(&path, "new").await.unwrap_err(),
            fs.rename(&path, disk.path().join("to")).await.unwrap_err(),
            fs.create_dir(disk.path().join("directory")).await.unwrap_err(),
            fs.set_times(&path, seawall_fs::Times { accessed: Some(std::time::UNIX_EPOCH), modified: None })
                .await
                .unwrap_err(),
        ] {
            assert_eq!(cause(&error), io::ErrorKind::ReadOnlyFilesystem);
            assert!(error.to_string().contains("mounted read-only"), "{error}");
        }
        assert!(fs.space(&path).await.unwrap().read_only);
        assert!(!fs.access(&path, seawall_fs::Access::WRITE).await.unwrap());
        assert!(fs.is_mount(disk.path()).await.unwrap());
        assert_eq!(fs.read(&path, 9).await.unwrap(), "old");
    });
}

#[tokio::test]
async fn opening_says_whether_it_is_to_write() {
    use std::sync::{Arc, Mutex};

    let (_directory, path) = file();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let fs = client().layer(tower::util::MapRequestLayer::new(move |request: FsRequest| {
        log.lock().unwrap().push((request.operation(), request.operation().writes()));
        request
    }));
    drop(fs.open(&path, OpenOptions::new().write(true).create_new(true)).await.unwrap());
    drop(fs.open(&path, OpenOptions::appending()).await.unwrap());
    drop(fs.open(&path, OpenOptions::reading()).await.unwrap());
    let expected = [(Operation::CreateNew, true), (Operation::OpenToWrite, true), (Operation::Open, false)];
    assert_eq!(*seen.lock().unwrap(), expected);
}
