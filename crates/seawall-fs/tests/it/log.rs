use std::fs;
use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use proptest::prelude::*;
use seawall_core::{CallContext, FailureKind};
use seawall_fs::{AppendLog, Durability, Fs, LogOptions, LogRecord};

use crate::{client, drop_after};

const QUICK: LogOptions =
    LogOptions { durability: Durability::None, max_record: 1 << 24, max_waiting: 1 << 24 };

async fn open(fs: &Fs, path: &Path, options: LogOptions) -> AppendLog {
    fs.append_log(path, options).await.unwrap()
}

async fn records(fs: &Fs, path: &Path) -> Vec<LogRecord> {
    fs.log_records(path, 1 << 24).try_collect().await.unwrap()
}

async fn contents(fs: &Fs, path: &Path) -> Vec<Bytes> {
    records(fs, path).await.into_iter().map(|record| record.data).collect()
}

#[tokio::test]
async fn records_are_read_as_they_were_appended_whatever_is_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let fs = client();
    let mut expected: Vec<Bytes> =
        ["", "one", "line\nline", "SEALOG\0\u{1}"].map(|record| Bytes::from_static(record.as_bytes())).into();
    expected.push(vec![0; 300_000].into());
    expected.push(vec![7; 5].into());
    for durability in [Durability::None, Durability::Data, Durability::Full] {
        let options = LogOptions { durability, ..LogOptions::default() };
        let before = if path.exists() { contents(&fs, &path).await.len() } else { 0 };
        let log = open(&fs, &path, options).await;
        assert_eq!(log.recovered().records, before as u64);
        assert_eq!(log.recovered().cut_off, 0);
        for record in &expected {
            let offset = log.append(record.clone()).await.unwrap();
            let last = records(&fs, &path).await.pop().unwrap();
            assert_eq!((last.offset, &last.data), (offset, record));
        }
        drop(log);
        assert_eq!(contents(&fs, &path).await[before..], expected);
        fs::remove_file(&path).unwrap();
        open(&fs, &path, options).await.append("first").await.unwrap();
    }
}

#[tokio::test]
async fn many_appenders_share_a_log_and_each_record_is_there_once_in_its_appenders_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let fs = client();
    let log = open(&fs, &path, LogOptions::default()).await;
    join_all((0..40).map(|appender| {
        let log = log.clone();
        async move {
            for number in 0..10 {
                log.append(format!("{appender:02}.{number}")).await.unwrap();
            }
        }
    }))
    .await;
    let mut written = contents(&fs, &path).await;
    // By appender, and otherwise as they stand there.
    written.sort_by_key(|record| record.slice(..2));
    let expected: Vec<String> =
        (0..40).flat_map(|appender| (0..10).map(move |number| format!("{appender:02}.{number}"))).collect();
    assert_eq!(written, expected);
}

#[tokio::test]
async fn a_log_has_one_writer_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let fs = client();
    let log = open(&fs, &path, QUICK).await;
    let error = fs.append_log(&path, QUICK).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(error.to_string().contains("in use by somebody else"), "{error}");
    drop(log);
    open(&fs, &path, QUICK).await;
}

#[tokio::test]
async fn a_file_that_is_no_log_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    for content in ["a diary that is no log", "SEALOG\0\u{2}", "x"] {
        fs::write(&path, content).unwrap();
        let error = client().append_log(&path, QUICK).await.unwrap_err();
        assert!(error.to_string().contains("not a log of this format"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    client().append_log(directory.path(), QUICK).await.unwrap_err();
    client().append_log("/dev/null", QUICK).await.unwrap_err();
    fs::write(&path, "a diary that is no log").unwrap();
    client().log_records(&path, 10).try_collect::<Vec<_>>().await.unwrap_err();
}

#[tokio::test]
async fn a_record_too_large_is_refused_before_it_is_written_and_before_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let fs = client();
    let log = open(&fs, &path, LogOptions { max_record: 10, ..QUICK }).await;
    let error = log.append("eleven bytes").await.unwrap_err();
    assert!(error.to_string().contains("a record of 12 bytes, with 10 allowed"), "{error}");
    assert!(!error.may_have_executed());
    log.append("ten bytes!").await.unwrap();
    drop(log);
    // A smaller limit cuts off nothing that is there.
    let log = open(&fs, &path, LogOptions { max_record: 1, ..QUICK }).await;
    assert_eq!(log.recovered().records, 1);
    let error = fs.log_records(&path, 9).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("has 10 bytes, with 9 allowed"), "{error}");
}

#[tokio::test]
async fn appenders_wait_while_too_much_is_waiting_already_and_no_longer_than_their_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let fs = client();
    let log = open(&fs, &path, LogOptions { max_waiting: 100, ..LogOptions::default() }).await;
    let appended = join_all((0..50).map(|_| log.append(vec![b'x'; 80]))).await;
    assert!(appended.iter().all(Result::is_ok));
    log.append(vec![b'x'; 1000]).await.unwrap();

    let past = CallContext::default().deadline(tokio::time::Instant::now().into_std());
    let error = past.scope(log.append("late")).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Timeout | FailureKind::Overloaded { .. }), "{error}");
}

#[tokio::test]
async fn a_record_dropped_at_any_await_is_there_as_a_whole_or_not_at_all() {
    for polls in 0..4 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let fs = client();
        let log = open(&fs, &path, LogOptions::default()).await;
        for _ in 0..10 {
            drop_after(polls, log.append(vec![b'd'; 50_000])).await;
        }
        // What was taken over before is written before.
        log.append("end").await.unwrap();
        drop(log);
        let mut written = contents(&fs, &path).await;
        assert_eq!(written.pop().unwrap(), "end");
        assert!(written.iter().all(|record| record == &vec![b'd'; 50_000]));
        assert!(written.len() <= 10 && (polls > 0 || written.is_empty()));
    }
}

#[test]
fn a_log_outlives_the_runtime_it_was_opened_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fs = client();
    let log = runtime().block_on(async {
        let log = open(&fs, &path, QUICK).await;
        // Begun and left standing when the runtime goes.
        drop_after(1, log.append("perhaps")).await;
        log
    });
    let (appended, written) = runtime().block_on(async {
        let appended = log.append("later").await;
        (appended, contents(&fs, &path).await)
    });
    match appended {
        Ok(_) => assert_eq!(written.last().unwrap(), "later"),
        Err(error) => assert!(error.to_string().contains("the runtime shut down"), "{error}"),
    }
}

/// Runs a child in which no file may grow beyond 64 KiB: writing more is an error like that of a full disk.
#[cfg(unix)]
#[test]
fn a_failed_append_is_told_to_all_and_again_and_leaves_no_half_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let (output, text) =
        crate::crash::run("appends_over_and_over", "trap '' XFSZ; ulimit -f 64;", &path, "once");
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("first: not executed"), "{text}");
    assert!(text.contains("again: not executed"), "{text}");
    assert!(text.contains("larger than the file system or the process limit allows"), "{text}");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fs = client();
        let log = open(&fs, &path, QUICK).await;
        assert_eq!(log.recovered().cut_off, 0, "the child cut it off itself");
        assert!(log.recovered().records > 0);
        log.append("there is room again").await.unwrap();
    });
}

fn appended(path: &Path, records: &[Vec<u8>]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = open(&client(), path, QUICK).await;
        for record in records {
            log.append(record.clone()).await.unwrap();
        }
    });
    fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_becomes_of_the_end_a_prefix_is_recovered_and_the_log_goes_on(
        given in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..12),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let whole = appended(&path, &given);
        // Cut anywhere, and garbage in place of what was there.
        let kept = cut.index(whole.len() + 1);
        let mut damaged = whole[..kept].to_vec();
        if kept >= 8 {
            damaged.extend_from_slice(&noise);
        }
        fs::write(&path, &damaged).unwrap();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fs = client();
            let read_before = contents(&fs, &path).await;
            let log = open(&fs, &path, QUICK).await;
            let recovered = log.recovered();
            prop_assert_eq!(recovered.records, read_before.len() as u64, "a reader sees what a writer recovers");
            let mut expected = 0;
            let mut end = 8;
            while expected < given.len() && end + 12 + given[expected].len() <= kept {
                end += 12 + given[expected].len();
                expected += 1;
            }
            prop_assert!(read_before.len() >= expected, "whole records are never lost");
            prop_assert!(read_before.len() <= given.len());
            for (read, given) in read_before.iter().zip(&given) {
                prop_assert_eq!(read, given);
            }
            log.append("and on").await.unwrap();
            drop(log);
            let after = contents(&fs, &path).await;
            prop_assert_eq!(after.len(), read_before.len() + 1);
            prop_assert_eq!(after.last().unwrap(), "and on");
            prop_assert_eq!(&after[..read_before.len()], &read_before[..]);
            Ok(())
        })?;
    }

    #[test]
    fn a_bit_that_flips_anywhere_cuts_off_its_record_and_what_follows_and_nothing_before(
        given in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..10),
        place in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut content = appended(&path, &given);
        let at = 8 + place.index(content.len() - 8);
        content[at] ^= 1 << bit;
        fs::write(&path, &content).unwrap();
        let (mut before, mut end) = (0, 8);
        while end + 12 + given[before].len() <= at {
            end += 12 + given[before].len();
            before += 1;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fs = client();
            let log = open(&fs, &path, QUICK).await;
            prop_assert_eq!(log.recovered().records, before as u64);
            prop_assert_eq!(log.recovered().cut_off, (content.len() - end) as u64);
            prop_assert_eq!(contents(&fs, &path).await, &given[..before]);
            Ok(())
        })?;
    }
}
