use std::error::Error as _;
use std::fs;
use std::io;

use seawall_core::FailureKind;

use crate::{client, drop_after, one_at_a_time, with_chunks_of};

#[tokio::test]
async fn what_is_appended_stands_at_the_end_in_order_once_flushed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "0,").unwrap();
    let mut log = with_chunks_of(64).append(&path).await.unwrap();
    let mut expected = "0,".to_owned();
    for number in 1..2000 {
        let line = format!("{number},");
        expected.push_str(&line);
        log.write(line).await.unwrap();
    }
    log.flush().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    log.write("end").await.unwrap();
    log.sync().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), expected + "end");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let mut log = client().append(&path).await.unwrap();
    log.write("first").await.unwrap();
    log.sync().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
}

#[tokio::test]
async fn two_writers_of_one_file_do_not_overwrite_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let fs = client();
    let (mut one, mut other) = (fs.append(&path).await.unwrap(), fs.append(&path).await.unwrap());
    for _ in 0..100 {
        one.write("a").await.unwrap();
        other.write("b").await.unwrap();
    }
    one.flush().await.unwrap();
    other.flush().await.unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written.matches('a').count(), 100);
    assert_eq!(written.matches('b').count(), 100);
}

#[tokio::test]
async fn a_writer_dropped_still_writes_what_it_took() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let mut log = client().append(&path).await.unwrap();
    for _ in 0..100 {
        log.write("line\n").await.unwrap();
    }
    drop(log);
    while fs::metadata(&path).unwrap().len() < 500 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\n".repeat(100));
}

#[tokio::test]
async fn a_write_dropped_at_any_await_was_taken_whole_or_not_at_all() {
    for polls in 0..6 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let fs = one_at_a_time();
        let mut log = fs.append(&path).await.unwrap();
        let mut taken = 0;
        for _ in 0..20 {
            taken += usize::from(drop_after(polls, log.write(vec![b'x'; 300_000])).await.is_some());
        }
        log.flush().await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), taken as u64 * 300_000);
        assert_eq!(taken > 0, polls > 0);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_device_is_told_and_told_again_by_every_later_call() {
    let mut log = client().append("/dev/full").await.unwrap();
    log.write("lost?").await.unwrap();
    for _ in 0..2 {
        let error = log.flush().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(
            error.to_string().contains("the device is full: free space on it or write elsewhere"),
            "{error}"
        );
        assert_eq!(error.name(), "append /dev/full");
        let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
    }
    log.write("more").await.unwrap_err();
    log.sync().await.unwrap_err();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sync_that_fails_is_final() {
    // The kernel takes what is written to this one, and has no way to sync it.
    let mut null = client().append("/dev/null").await.unwrap();
    null.write("gone").await.unwrap();
    null.flush().await.unwrap();
    let first = null.sync().await.unwrap_err();
    assert_eq!(first.kind(), FailureKind::Permanent);
    assert!(first.to_string().contains("syncing again would not tell"), "{first}");
    null.write("more").await.unwrap_err();
    null.sync().await.unwrap_err();
}
