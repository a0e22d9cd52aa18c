//! So many bytes a second, by tokio's clock, which these tests put forward.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use seawall_core::{CallContext, FailureKind};
use seawall_fs::{Fs, FsConfig, LineOptions, OpenOptions};

fn limited_to(bytes_per_second: u32) -> Fs {
    let config = FsConfig { bytes_per_second: NonZeroU32::new(bytes_per_second), ..FsConfig::default() };
    Fs::new(&config, Arc::new(())).unwrap()
}

/// How long it takes, to a tenth of a second, which is what is saved up.
async fn takes(work: impl Future<Output = ()>) -> f64 {
    let begun = tokio::time::Instant::now();
    work.await;
    begun.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_paid_for_before() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, path) = (limited_to(100_000), directory.path().join("file"));
    let time = takes(async {
        for _ in 0..4 {
            fs.write(&path, vec![0; 50_000]).await.unwrap();
        }
    });
    let time = time.await;
    assert!((1.85..2.1).contains(&time), "{time}");

    let time = takes(async {
        let mut file = fs.open(&path, OpenOptions::writing()).await.unwrap();
        file.write_bytes(vec![0; 100_000]).await.unwrap();
        file.close().await.unwrap();
        let mut appender = fs.append(&path).await.unwrap();
        for _ in 0..10 {
            appender.write(vec![0; 10_000]).await.unwrap();
        }
        appender.flush().await.unwrap();
    });
    let time = time.await;
    assert!((1.85..2.1).contains(&time), "{time}");
}

#[tokio::test(start_paused = true)]
async fn what_a_read_has_brought_is_paid_for_by_those_who_come_next_and_a_look_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, path) = (limited_to(100_000), directory.path().join("file"));
    std::fs::write(&path, vec![0; 100_000]).unwrap();
    let read = async || assert_eq!(fs.read(&path, 100_000).await.unwrap().len(), 100_000);
    assert!(takes(read()).await < 0.01);
    let looks = takes(async {
        for _ in 0..1000 {
            fs.metadata(&path).await.unwrap();
        }
    });
    assert!(looks.await < 0.01);
    let time = takes(async {
        read().await;
        read().await;
    });
    let time = time.await;
    assert!((1.85..2.1).contains(&time), "{time}");
}

#[tokio::test(start_paused = true)]
async fn small_reads_pay_for_what_they_bring_and_not_for_a_permit_each() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, path) = (limited_to(10_000), directory.path().join("file"));
    std::fs::write(&path, vec![0; 9]).unwrap();
    let time = takes(async {
        for _ in 0..2000 {
            fs.read(&path, 100).await.unwrap();
        }
    });
    let time = time.await;
    assert!((1.85..2.1).contains(&time), "{time}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_paid_for_by_the_chunk() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, path) = (limited_to(1_000_000), directory.path().join("file"));
    std::fs::write(&path, "a line of ten bytes and so on\n".repeat(100_000)).unwrap();
    let time = takes(async {
        let mut chunks = fs.stream(&path, 0);
        while chunks.try_next().await.unwrap().is_some() {}
    });
    let time = time.await;
    assert!((2.85..3.1).contains(&time), "{time}");
    let time = takes(async {
        let mut lines = fs.line_batches(&path, LineOptions::default());
        while lines.try_next().await.unwrap().is_some() {}
    });
    let time = time.await;
    assert!((2.85..3.1).contains(&time), "{time}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_paid_for_by_the_deadline_is_refused_at_once_and_nobody_pays_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let (fs, path) = (limited_to(100_000), directory.path().join("file"));
    let now = tokio::time::Instant::now();
    let context = CallContext::default().within(Duration::from_secs(5), now.into_std());
    let error = context.scope(fs.write(&path, vec![0; 1_000_000])).await.unwrap_err();
    assert_eq!(now.elapsed(), Duration::ZERO);
    assert_eq!((error.kind(), error.layer()), (FailureKind::Refused, "rate_limiter"));
    assert!(!error.may_have_executed() && !path.exists());
    assert!(error.to_string().contains("1000000 bytes by the deadline"), "{error}");
    let time = takes(async { fs.write(&path, vec![0; 10_000]).await.unwrap() }).await;
    assert!(time < 0.01, "{time}");
}
