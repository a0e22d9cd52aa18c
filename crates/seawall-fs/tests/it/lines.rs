use std::fs;
use std::io::BufRead;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use seawall_core::{CallContext, Error, FailureKind};
use seawall_fs::{Fs, FsConfig, LineBatch, LineEnding, LineOptions, Tiers};

use crate::{client, drop_after};

const LF: LineOptions = LineOptions { ending: LineEnding::Lf, max_length: 1 << 20 };

/// Clients with chunks of so many bytes: one that reads where it is asked, if it can, and one that reads on threads.
fn with_chunks_of(bytes: usize) -> [Fs; 2] {
    let chunk_size = NonZeroUsize::new(bytes).unwrap();
    [Tiers::Auto, Tiers::Threads]
        .map(|tiers| Fs::new(&FsConfig { chunk_size, tiers, ..FsConfig::default() }, Arc::new(())).unwrap())
}

async fn lines_of(fs: &Fs, content: &[u8], options: LineOptions) -> Result<Vec<Vec<u8>>, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, content).unwrap();
    let batches: Vec<LineBatch> = fs.line_batches(&path, options).try_collect().await?;
    let from_batches: Vec<Vec<u8>> =
        batches.iter().flat_map(|batch| batch.iter().map(<[u8]>::to_vec)).collect();
    let one_by_one: Vec<Bytes> = fs.lines(&path, options).try_collect().await?;
    assert_eq!(one_by_one, from_batches);

    let mut offset = 0;
    for batch in &batches {
        assert!(!batch.is_empty());
        assert_eq!(batch.offset(), offset);
        assert_eq!(batch.shared().collect::<Vec<_>>(), batch.iter().collect::<Vec<_>>());
        assert_eq!(batch.line(batch.len() - 1), batch.iter().next_back());
        assert_eq!(batch.line(batch.len()), None);
        offset += batch.data().len() as u64;
    }
    assert_eq!(offset, content.len() as u64);
    Ok(from_batches)
}

#[tokio::test]
async fn lines_end_with_the_file_or_with_one_of_the_endings_but_an_empty_file_has_none() {
    let both = LineOptions::default();
    for (content, expected) in [
        ("", vec![]),
        ("\n", vec![""]),
        ("\r\n", vec![""]),
        ("one", vec!["one"]),
        ("one\n", vec!["one"]),
        ("one\r\ntwo\nthree", vec!["one", "two", "three"]),
        ("one\n\n\r\ntwo\r\n", vec!["one", "", "", "two"]),
        ("a\rb\r\r\nend\r", vec!["a\rb\r", "end\r"]),
    ] {
        for chunk in [1, 2, 3, 4096] {
            for fs in with_chunks_of(chunk) {
                let lines = lines_of(&fs, content.as_bytes(), both).await.unwrap();
                assert_eq!(lines, expected.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>());
            }
        }
    }
    let kept = lines_of(&client(), b"one\r\ntwo\n", LF).await.unwrap();
    assert_eq!(kept, [b"one\r".to_vec(), b"two".to_vec()]);
}

#[tokio::test]
async fn a_line_too_long_is_an_error_that_says_where_after_the_lines_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, format!("short\r\n{}\r\nnever seen\n", "x".repeat(11))).unwrap();
    for fs in [1, 4, 16, 4096].into_iter().flat_map(with_chunks_of) {
        let options = LineOptions { max_length: 10, ..LineOptions::default() };
        let mut lines = fs.lines(&path, options);
        assert_eq!(lines.try_next().await.unwrap().unwrap(), "short");
        let error = lines.try_next().await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(
            error.to_string().contains("the line at byte 7 is longer than the 10 bytes allowed"),
            "{error}"
        );
        assert!(lines.next().await.is_none());

        let allowed = LineOptions { max_length: 11, ..LineOptions::default() };
        let all: Vec<Bytes> = fs.lines(&path, allowed).try_collect().await.unwrap();
        assert_eq!(all.len(), 3);
    }
}

#[tokio::test]
async fn a_file_without_any_line_ending_is_refused_before_it_is_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    // A hole of a terabyte: it would not fit.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = client().lines(&path, LineOptions::default()).try_next().await.unwrap_err();
    assert!(error.to_string().contains("longer than the 1048576 bytes"), "{error}");
}

#[tokio::test]
async fn text_is_text_and_anything_else_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "grüße\r\n世界\nend").unwrap();
    let batch = client().line_batches(&path, LineOptions::default()).try_next().await.unwrap().unwrap();
    assert_eq!(batch.text().unwrap().collect::<Vec<_>>(), ["grüße", "世界", "end"]);
    assert!(!format!("{batch:?}").contains("end"));

    fs::write(&path, b"fine\n\xff\xfe\n").unwrap();
    let batch = client().line_batches(&path, LineOptions::default()).try_next().await.unwrap().unwrap();
    assert_eq!(batch.text().err().unwrap().valid_up_to(), 5);
    assert_eq!(batch.line(1).unwrap(), b"\xff\xfe");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error_and_then_the_end() {
    let mut lines = client().lines("/nowhere/at/all", LineOptions::default());
    let error = lines.try_next().await.unwrap_err();
    assert_eq!(error.name(), "lines /nowhere/at/all");
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn a_wait_for_lines_dropped_at_any_point_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let content: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    fs::write(&path, content.join("\n")).unwrap();
    let clients = (1..4).flat_map(|polls| with_chunks_of(100).map(|fs| (polls, fs)));
    for (polls, fs) in clients {
        let mut lines = fs.lines(&path, LineOptions::default());
        let mut read = Vec::new();
        loop {
            match drop_after(polls, lines.next()).await {
                Some(Some(line)) => read.push(line.unwrap()),
                Some(None) => break,
                None => tokio::task::yield_now().await,
            }
        }
        assert_eq!(read, content);
    }
}

#[tokio::test]
async fn the_stream_ends_at_the_deadline_in_which_it_was_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "one\n").unwrap();
    let fs = client();
    let past = tokio::time::Instant::now().into_std();
    let lines = CallContext::current().deadline(past).enter(|| fs.lines(&path, LineOptions::default()));
    let error = lines.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12),
        3 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r".to_vec()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_chunking_gives_the_lines_that_the_standard_library_gives(content in text(), chunk in 1_usize..40) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let expected: Vec<Vec<u8>> = BufRead::split(&content[..], b'\n').map(Result::unwrap).collect();
        for fs in with_chunks_of(chunk) {
            let lines = runtime.block_on(lines_of(&fs, &content, LF)).unwrap();
            prop_assert_eq!(&lines, &expected);
        }
    }
}
