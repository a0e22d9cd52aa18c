use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use seawall_core::{CallContext, FailureKind};

use crate::{client, drop_after, one_at_a_time, with_chunks_of};

proptest! {
    #[test]
    fn the_chunks_are_the_file_from_the_offset_on(
        content in prop::collection::vec(any::<u8>(), 0..500),
        offset in 0..600_usize,
        chunk in 1..100_usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, &content).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let stream = with_chunks_of(chunk).stream(&path, offset as u64);
        let chunks: Vec<Bytes> = runtime.block_on(stream.try_collect()).unwrap();
        prop_assert_eq!(chunks.concat(), content.get(offset..).unwrap_or_default());
        prop_assert!(chunks.iter().rev().skip(1).all(|each| each.len() == chunk));
        prop_assert!(chunks.iter().all(|each| !each.is_empty()));
    }
}

/// Where each open handle on `path` of this process stands.
#[cfg(target_os = "linux")]
fn positions(path: &std::path::Path) -> Vec<u64> {
    let mut positions = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let entry = entry.unwrap();
        // Each may be closed by its owner while we look.
        if fs::read_link(entry.path()).is_ok_and(|target| target == path)
            && let Ok(info) = fs::read_to_string(format!("/proc/self/fdinfo/{}", entry.file_name().display()))
        {
            positions.push(info.lines().next().unwrap().trim_start_matches("pos:").trim().parse().unwrap());
        }
    }
    positions
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_large_file_is_read_no_more_than_four_chunks_ahead_of_its_reader() {
    const CHUNK: u64 = 256 * 1024;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join("file");
    // Has no blocks on the disk, only a length.
    fs::File::create(&path).unwrap().set_len(400 * CHUNK).unwrap();
    let fs = one_at_a_time();
    let mut stream = fs.stream(&path, 0);
    let mut consumed = 0;
    let mut furthest = 0;
    while let Some(chunk) = stream.try_next().await.unwrap() {
        assert_eq!(chunk.len() as u64, CHUNK);
        // The read ahead gets every chance: with one slot it is over before this one begins.
        tokio::task::yield_now().await;
        fs.metadata(&path).await.unwrap();
        for position in positions(&path) {
            furthest = furthest.max(position - consumed);
        }
        consumed += chunk.len() as u64;
    }
    assert_eq!(consumed, 400 * CHUNK);
    assert!(furthest <= 4 * CHUNK, "{furthest}");
    assert!(furthest > 2 * CHUNK, "nothing is read ahead: {furthest}");
    assert!(positions(&path).is_empty(), "the file is closed at its end");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stream_dropped_closes_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join("file");
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let mut stream = client().stream(&path, 0);
    stream.try_next().await.unwrap().unwrap();
    drop(stream);
    while !positions(&path).is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn readers_that_take_their_time_occupy_no_slot() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, vec![0; 4 << 20]).unwrap();
    let fs = one_at_a_time();
    let mut streams: Vec<_> = (0..5).map(|_| fs.stream(&path, 0)).collect();
    for stream in &mut streams {
        stream.try_next().await.unwrap().unwrap();
    }
    assert_eq!(fs.read(&path, 4 << 20).await.unwrap().len(), 4 << 20);
    for stream in streams {
        let rest: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert_eq!(rest.len(), 15);
    }
}

#[tokio::test]
async fn a_wait_for_a_chunk_that_is_dropped_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let content: Vec<u8> = (0..1000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(&path, &content).unwrap();
    let mut stream = with_chunks_of(64).stream(&path, 0);
    let mut seen = Vec::new();
    // Every wait is dropped after one poll.
    loop {
        match drop_after(1, stream.next()).await {
            None => tokio::task::yield_now().await,
            Some(Some(chunk)) => seen.extend_from_slice(&chunk.unwrap()),
            Some(None) => break,
        }
    }
    assert_eq!(seen, content);
}

#[tokio::test]
async fn a_file_replaced_while_it_is_streamed_is_read_to_the_end_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = with_chunks_of(1000);
    fs.write_atomic(&path, vec![b'a'; 20_000]).await.unwrap();
    let mut stream = fs.stream(&path, 0);
    stream.try_next().await.unwrap().unwrap();
    fs.write_atomic(&path, vec![b'b'; 20_000]).await.unwrap();
    let rest: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert_eq!(rest.concat(), vec![b'a'; 19_000]);
}

#[tokio::test]
async fn a_stream_that_cannot_be_opened_says_so_once_and_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let mut stream = client().stream(directory.path().join("nowhere"), 0);
    let error = stream.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(error.name().starts_with("stream "));
    assert!(stream.next().await.is_none());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_failure_under_way_comes_once_and_is_the_end() {
    // The first page of a process is never mapped, and reading it is an input/output error.
    let mut stream = client().stream("/proc/self/mem", 0);
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.name()), (FailureKind::Permanent, "stream /proc/self/mem"));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_at_the_deadline_of_the_context_it_was_made_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "content").unwrap();
    let late = CallContext::default().within(Duration::ZERO, tokio::time::Instant::now().into_std());
    let mut stream = late.enter(|| client().stream(&path, 0));
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), FailureKind::Refused);
}
