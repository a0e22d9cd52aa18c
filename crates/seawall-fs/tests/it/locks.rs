//! Advisory locks.

use std::time::Duration;

use seawall_core::{CallContext, FailureKind};
use seawall_fs::{File, Fs, FsConfig, LockKind, OpenOptions};

use crate::{client, drop_after, one_at_a_time};

async fn open(fs: &Fs, path: &std::path::Path) -> File {
    fs.open(path, OpenOptions::new().read(true).write(true).create(true)).await.unwrap()
}

/// While it lives, a paused clock passes only as it is told to, and not while a thread of the client works: tokio lets none
/// pass by itself while a thread of its own is busy.
struct StandingStill {
    _until_dropped: std::sync::mpsc::Sender<()>,
}

impl StandingStill {
    fn begin() -> Self {
        let (until_dropped, dropped) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || dropped.recv());
        Self { _until_dropped: until_dropped }
    }
}

/// A deadline a second from now.
fn within_a_second() -> CallContext {
    CallContext::default().within(Duration::from_secs(1), tokio::time::Instant::now().into_std())
}

#[tokio::test]
async fn an_exclusive_lock_excludes_all_and_a_shared_one_only_exclusive_ones() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let fs = client();
    let (one, other) = (open(&fs, &path).await, open(&fs, &path).await);
    let exclusive = one.lock(LockKind::Exclusive).await.unwrap();
    assert!(other.try_lock(LockKind::Exclusive).await.unwrap().is_none());
    assert!(other.try_lock(LockKind::Shared).await.unwrap().is_none());
    drop(exclusive);
    let shared = other.try_lock(LockKind::Shared).await.unwrap().unwrap();
    let also_shared = one.try_lock(LockKind::Shared).await.unwrap().unwrap();
    assert!(open(&fs, &path).await.try_lock(LockKind::Exclusive).await.unwrap().is_none());
    shared.unlock().await.unwrap();
    also_shared.unlock().await.unwrap();
    assert!(one.try_lock(LockKind::Exclusive).await.unwrap().is_some());
}

#[tokio::test]
async fn one_open_file_holds_one_lock_and_the_lock_outlives_the_handle() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let fs = client();
    let file = open(&fs, &path).await;
    let lock = file.lock(LockKind::Exclusive).await.unwrap();
    let error = file.try_clone().try_lock(LockKind::Shared).await.unwrap_err();
    assert!(error.to_string().contains("a lock is held through this open file already"), "{error}");
    drop(file);
    assert!(open(&fs, &path).await.try_lock(LockKind::Shared).await.unwrap().is_none());
    drop(lock);
    assert!(open(&fs, &path).await.try_lock(LockKind::Shared).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_lock_ends_at_the_deadline_and_holds_no_slot_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let still = StandingStill::begin();
    // The only slot is free while somebody waits.
    let fs = one_at_a_time();
    let held = fs.lock_file(&path).await.unwrap();
    let waiting = tokio::spawn({
        let (fs, path) = (fs.clone(), path.clone());
        async move { fs.lock_file(&path).await }
    });
    let file = open(&fs, &path).await;
    let mut ending = std::pin::pin!(within_a_second().scope(file.lock(LockKind::Exclusive)));
    let mut looks = 0;
    let error = loop {
        tokio::select! {
            biased;
            ended = &mut ending => break ended.unwrap_err(),
            // Work that was asked for before this is over with it.
            metadata = fs.metadata(&path) => metadata.unwrap(),
        };
        looks += 1;
        tokio::time::advance(Duration::from_millis(10)).await;
    };
    assert!(looks >= 100, "it ended after {looks} looks");
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(!error.may_have_executed());
    assert!(error.to_string().contains("locked by somebody else"), "{error}");
    drop((still, held));
    drop(waiting.await.unwrap().unwrap());
    assert!(path.exists());
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_lock_that_is_looked_at_too_late_still_says_what_it_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let _still = StandingStill::begin();
    let fs = one_at_a_time();
    let _held = fs.lock_file(&path).await.unwrap();
    let file = open(&fs, &path).await;
    let mut late = tokio_test::task::spawn(within_a_second().scope(file.lock(LockKind::Exclusive)));
    // Up to the wait for the next look.
    assert!(late.poll().is_pending());
    fs.metadata(&path).await.unwrap();
    assert!(late.poll().is_pending());
    // The machine stands still until long after the deadline.
    tokio::time::advance(Duration::from_secs(5)).await;
    let error = late.await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.to_string().contains("locked by somebody else"), "{error}");
}

#[tokio::test]
async fn a_wait_for_a_lock_dropped_at_any_point_holds_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    for polls in 0..8 {
        let fs = one_at_a_time();
        if let Some(lock) = drop_after(polls, fs.lock_file(&path)).await {
            drop(lock.unwrap());
        }
        // Work that was begun is over once the next of the one slot is.
        fs.metadata(directory.path()).await.unwrap();
        let other = Fs::new(&FsConfig::default(), std::sync::Arc::new(())).unwrap();
        let lock = open(&other, &path).await.try_lock(LockKind::Exclusive).await.unwrap();
        assert!(lock.is_some(), "{polls} polls");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn another_process_is_kept_out_and_its_death_lets_us_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let mut other = std::process::Command::new("flock")
        .args(["--no-fork", "-x"])
        .arg(&path)
        .args(["sh", "-c", "echo locked; exec sleep 1000"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(other.stdout.take().unwrap()), &mut line)
        .unwrap();
    assert_eq!(line, "locked\n");
    let fs = client();
    let file = open(&fs, &path).await;
    assert!(file.try_lock(LockKind::Exclusive).await.unwrap().is_none());
    let (lock, killed) = tokio::join!(file.lock(LockKind::Exclusive), async { other.kill() });
    killed.unwrap();
    drop(lock.unwrap());
    other.wait().unwrap();
}
