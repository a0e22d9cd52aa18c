//! Reading open files: by bytes, by lines, by position, and what a dropped call leaves.
#![cfg(unix)]

use std::fs;
use std::io::{self, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use seawall_core::{CallContext, Error, Event, FailureKind, Observer, Origin, Outcome};
use seawall_fs::{File, Fs, FsConfig, OpenOptions};

use crate::operations::cause;
use crate::{client, drop_after};

async fn reading(path: &Path) -> File {
    client().open(path, OpenOptions::reading()).await.unwrap()
}

/// A file of `content`, and the directory that it lives as long as.
fn holding(content: impl AsRef<[u8]>) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, content).unwrap();
    (directory, path)
}

#[tokio::test]
async fn a_file_is_opened_in_every_mode_as_the_standard_library_does() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = holding("old");
    let fs = client();
    let new = OpenOptions::new();
    let missing = directory.path().join("missing");
    assert_eq!(cause(&fs.open(&missing, OpenOptions::reading()).await.unwrap_err()), io::ErrorKind::NotFound);
    let taken = fs.open(&path, new.write(true).create_new(true)).await.unwrap_err();
    assert_eq!(cause(&taken), io::ErrorKind::AlreadyExists);
    assert_eq!(cause(&fs.open(&path, new).await.unwrap_err()), io::ErrorKind::InvalidInput);

    let mut made = fs.open(&missing, new.write(true).create_new(true).mode(0o600)).await.unwrap();
    assert_eq!(made.metadata().await.unwrap().permissions().mode() & 0o777, 0o600);
    made.write_bytes("new").await.unwrap();
    made.close().await.unwrap();
    assert_eq!(fs::read_to_string(&missing).unwrap(), "new");

    let mut both = fs.open(&path, new.read(true).write(true)).await.unwrap();
    assert_eq!(both.read_bytes(1).await.unwrap(), "o");
    both.write_bytes("LD").await.unwrap();
    both.close().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "oLD");

    let mut written = fs.open(&path, OpenOptions::writing()).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    let not_readable = written.read_bytes(1).await.unwrap_err();
    assert!(not_readable.to_string().contains("os error 9"), "{not_readable}");
    let linked = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &linked).unwrap();
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    assert!(fs.open(&linked, OpenOptions::reading().custom_flags(flags)).await.is_err());
}

#[tokio::test]
async fn a_directory_and_a_pipe_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = client().open(directory.path(), OpenOptions::reading()).await.unwrap_err();
    assert!(error.to_string().contains("is a directory where a file is needed"), "{error}");
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = client().open(&pipe, OpenOptions::reading()).await.unwrap_err();
    assert!(error.to_string().contains("a pipe or socket"), "{error}");
}

#[tokio::test]
async fn bytes_come_from_the_cursor_on_and_none_at_the_end() {
    let (_directory, path) = holding("hello world");
    let mut file = reading(&path).await;
    assert_eq!(file.peek(5).await.unwrap(), "hello");
    assert_eq!(file.read_bytes(6).await.unwrap(), "hello ");
    assert_eq!(file.position(), 6);
    assert_eq!(file.read_bytes(0).await.unwrap(), "");
    let error = file.read_exactly(6).await.unwrap_err();
    assert_eq!((cause(&error), file.position()), (io::ErrorKind::UnexpectedEof, 6));
    assert_eq!(file.read_exactly(5).await.unwrap(), "world");
    assert_eq!(file.read_bytes(9).await.unwrap(), "");
    assert_eq!(file.read_all(9).await.unwrap(), "");
    assert_eq!(file.next_line(9).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_is_read_to_its_end_up_to_a_limit_and_as_text() {
    let (_directory, path) = holding(vec![b'x'; 3_000_000]);
    let mut file = reading(&path).await;
    assert_eq!(file.read_bytes(10).await.unwrap().len(), 10);
    let error = file.read_all(2_999_989).await.unwrap_err();
    assert!(error.to_string().contains("larger than the 2999989 bytes allowed"), "{error}");
    assert_eq!(file.position(), 10);
    assert_eq!(file.read_all(2_999_990).await.unwrap().len(), 2_999_990);

    let (_directory, path) = holding("caf\u{e9}");
    assert_eq!(reading(&path).await.read_text(5).await.unwrap(), "caf\u{e9}");
    let (_directory, path) = holding(b"caf\xe9\n");
    let mut file = reading(&path).await;
    let error = file.read_text(5).await.unwrap_err();
    assert!(error.to_string().contains("not UTF-8 text"), "{error}");
    file.next_text_line(5).await.unwrap_err();
    assert_eq!(file.next_line(5).await.unwrap().unwrap(), b"caf\xe9"[..]);
}

#[tokio::test]
async fn lines_end_by_either_convention_and_the_last_one_need_not() {
    let (_directory, path) = holding("one\r\n\ntwo\rthree\nlast");
    let mut file = reading(&path).await;
    let mut lines = Vec::new();
    while let Some(line) = file.next_text_line(20).await.unwrap() {
        lines.push(line);
    }
    assert_eq!(lines, ["one", "", "two\rthree", "last"]);
    file.seek(SeekFrom::Start(0)).await.unwrap();
    assert_eq!(file.read_lines(100).await.unwrap(), ["one", "", "two\rthree", "last"]);
    let (_directory, path) = holding("\n");
    assert_eq!(reading(&path).await.read_lines(9).await.unwrap(), [""]);
}

#[tokio::test]
async fn a_line_across_chunks_is_whole_and_one_too_long_is_an_error_not_memory() {
    let long = "y".repeat(200_000);
    let (_directory, path) = holding(format!("{long}\r\nshort\n"));
    let mut file = reading(&path).await;
    let error = file.next_line(199_999).await.unwrap_err();
    assert!(error.to_string().contains("longer than the 199999 bytes allowed"), "{error}");
    assert_eq!(file.position(), 0);
    assert_eq!(file.next_line(200_000).await.unwrap().unwrap(), long);
    assert_eq!(file.next_line(5).await.unwrap().unwrap(), "short");

    let mut endless = reading(Path::new("/dev/zero")).await;
    let error = endless.next_line(1 << 20).await.unwrap_err();
    assert!(error.to_string().contains("longer than the 1048576 bytes allowed"), "{error}");
}

#[tokio::test]
async fn the_cursor_goes_anywhere_but_before_the_beginning() {
    let (_directory, path) = holding("0123456789");
    let mut file = reading(&path).await;
    assert_eq!(file.read_bytes(1).await.unwrap(), "0");
    assert_eq!(file.seek(SeekFrom::Current(3)).await.unwrap(), 4);
    assert_eq!(file.read_bytes(2).await.unwrap(), "45");
    assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
    assert_eq!(file.read_bytes(2).await.unwrap(), "9");
    let error = file.seek(SeekFrom::Current(-11)).await.unwrap_err();
    assert!(error.to_string().contains("before the beginning"), "{error}");
    assert_eq!(file.position(), 10);
    assert_eq!(file.seek(SeekFrom::Start(1 << 40)).await.unwrap(), 1 << 40);
    assert_eq!(file.read_bytes(2).await.unwrap(), "");
    file.seek(SeekFrom::Start(u64::MAX)).await.unwrap();
    assert_eq!(cause(&file.read_bytes(2).await.unwrap_err()), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn holes_are_zeros_that_take_no_room() {
    use std::os::unix::fs::MetadataExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let mut file = client().open(&path, OpenOptions::writing().read(true)).await.unwrap();
    file.write_at(1 << 32, "end").await.unwrap();
    assert_eq!(file.read_at((1 << 32) - 2, 9).await.unwrap(), b"\0\0end"[..]);
    file.set_len(1 << 33).await.unwrap();
    let metadata = file.metadata().await.unwrap();
    assert_eq!(metadata.len(), 1 << 33);
    assert!(metadata.blocks() < 1000, "{}", metadata.blocks());
}

#[tokio::test]
async fn reads_and_writes_by_position_leave_the_cursor_alone_and_run_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let file = client().open(&path, OpenOptions::writing().read(true)).await.unwrap();
    let writes = (0..100_u64).map(|number| file.write_at(number * 4, format!("{number:04}")));
    futures_util::future::try_join_all(writes).await.unwrap();
    let reads = (0..100_u64).map(|number| file.read_exactly_at(number * 4, 4));
    let read = futures_util::future::try_join_all(reads).await.unwrap();
    assert!(read.iter().enumerate().all(|(number, bytes)| *bytes == format!("{number:04}")));
    assert_eq!(file.position(), 0);

    file.write_vectored_at(0, vec![Bytes::from("ab"), Bytes::new(), Bytes::from("cde")]).await.unwrap();
    assert_eq!(file.read_vectored_at(0, &[1, 3, 0, 2]).await.unwrap(), ["a", "bcd", "", "e0"]);
    assert_eq!(file.read_vectored_at(398, &[1, 3, 2]).await.unwrap(), ["9", "9", ""]);
    let error = file.read_exactly_at(398, 3).await.unwrap_err();
    assert_eq!(cause(&error), io::ErrorKind::UnexpectedEof);

    let buffer = file.read_at_into(0, BytesMut::from("before "), 4).await.unwrap();
    assert_eq!(buffer, "before abcd");
}

#[tokio::test]
async fn what_somebody_else_changed_is_seen_by_the_next_read() {
    let (_directory, path) = holding("old content");
    let fs = client();
    let mut file = fs.open(&path, OpenOptions::new().read(true).write(true)).await.unwrap();
    assert_eq!(file.read_bytes(1).await.unwrap(), "o");
    // Through the same open file: by position, by another handle, by cutting.
    file.write_at(1, "LD").await.unwrap();
    assert_eq!(file.read_bytes(3).await.unwrap(), "LD ");
    let mut other = file.try_clone();
    assert_eq!(other.position(), 4);
    other.write_bytes("CON").await.unwrap();
    other.flush().await.unwrap();
    assert_eq!(file.read_bytes(4).await.unwrap(), "CONt");
    other.set_len(8).await.unwrap();
    assert_eq!(file.read_bytes(4).await.unwrap(), "");
}

#[tokio::test]
async fn a_file_cut_off_underneath_ends_there_and_one_that_was_replaced_stays() {
    let (directory, path) = holding(vec![b'x'; 500_000]);
    let mut file = reading(&path).await;
    file.read_exactly(100_000).await.unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(50_000).unwrap();
    // What was read ahead already is given; then it ends.
    let rest = file.read_all(1 << 20).await.unwrap();
    assert!(rest.len() < 100_000, "{}", rest.len());

    let mut removed = reading(&path).await;
    fs::remove_file(&path).unwrap();
    fs::write(directory.path().join("file"), "another").unwrap();
    assert_eq!(removed.read_all(1 << 20).await.unwrap().len(), 50_000);
}

#[tokio::test]
async fn the_end_met_by_a_dropped_read_is_not_the_end_for_ever() {
    use tokio::io::AsyncReadExt;

    let (_directory, path) = holding("");
    let mut file = client().open(&path, OpenOptions::new().read(true).write(true)).await.unwrap();
    let mut byte = [0];
    for _ in 0..20 {
        drop_after(1, file.read(&mut byte)).await;
        file.flush().await.unwrap();
        file.write_at(file.position(), "x").await.unwrap();
        assert_eq!(file.read(&mut byte).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_read_dropped_at_any_point_leaves_the_cursor_where_it_was() {
    let text = (0..20_000).map(|number| format!("line {number}\n")).collect::<Vec<_>>().concat();
    let (_directory, path) = holding(&text);
    let mut file = reading(&path).await;
    let (mut polls, mut number) = (1, 0);
    loop {
        let Some(line) = drop_after(polls, file.next_line(100)).await else {
            polls = polls % 3 + 1;
            continue;
        };
        let Some(line) = line.unwrap() else { break };
        assert_eq!(line, format!("line {number}"));
        number += 1;
        if number % 1000 == 0 {
            let before = file.position();
            file.seek(SeekFrom::Current(0)).await.unwrap();
            drop_after(1, file.read_exactly(100_000)).await;
            assert!(file.position() == before || file.position() == before + 100_000);
            file.seek(SeekFrom::Start(before)).await.unwrap();
        }
    }
    assert_eq!(number, 20_000);
}

#[tokio::test]
async fn a_file_becomes_one_of_the_standard_library_and_back_where_it_stood() {
    let (_directory, path) = holding("0123456789");
    let fs = client();
    let options = OpenOptions::new().read(true).write(true);
    let mut file = fs.open(&path, options).await.unwrap();
    file.read_exactly(4).await.unwrap();
    assert!(!file.is_terminal());
    assert_eq!(file.path(), path);
    rustix::fs::fstat(file.as_fd()).unwrap();
    let mut standard = file.into_std().await.unwrap();
    assert_eq!(io::Seek::stream_position(&mut standard).unwrap(), 4);
    let mut file = fs.adopt(standard, options, "adopted").await.unwrap();
    assert_eq!(file.read_bytes(3).await.unwrap(), "456");
    assert_eq!(file.path(), Path::new("adopted"));
}

#[tokio::test]
async fn what_has_no_positions_is_read_as_it_comes_and_cannot_be_sought() {
    let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    let options = OpenOptions::new().read(true).write(true);
    let mut file =
        client().adopt(fs::File::from(std::os::fd::OwnedFd::from(left)), options, "socket").await.unwrap();
    let mut other = fs::File::from(std::os::fd::OwnedFd::from(right));
    // A read that is dropped while it waits loses nothing of what comes.
    assert!(drop_after(1, file.read_bytes(9)).await.is_none());
    tokio::task::yield_now().await;
    io::Write::write_all(&mut other, b"hello\n").unwrap();
    assert_eq!(file.next_line(9).await.unwrap().unwrap(), "hello");
    file.write_bytes("back").await.unwrap();
    file.flush().await.unwrap();
    let mut back = [0; 4];
    io::Read::read_exact(&mut other, &mut back).unwrap();
    assert_eq!(&back, b"back");
    let error = file.seek(SeekFrom::Start(0)).await.unwrap_err();
    assert!(error.to_string().contains("has no positions"), "{error}");
    drop(other);
    assert_eq!(file.read_bytes(9).await.unwrap(), "");
}

#[tokio::test]
async fn a_wait_ends_at_the_deadline_and_the_next_call_goes_on() {
    let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    let options = OpenOptions::new().read(true);
    let mut file =
        client().adopt(fs::File::from(std::os::fd::OwnedFd::from(left)), options, "socket").await.unwrap();
    let hour = Duration::from_hours(1);
    let context = CallContext::default().within(hour, tokio::time::Instant::now().into_std());
    // Put forward once the call waits, the clock has not passed the deadline before.
    let the_hour_passes = async {
        tokio::time::pause();
        tokio::time::advance(hour).await;
        tokio::time::resume();
    };
    let (outcome, ()) = tokio::join!(context.scope(file.read_bytes(9)), the_hour_passes);
    let error: Error = outcome.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    fs::File::from(std::os::fd::OwnedFd::from(right)).write_at(b"x", 0).unwrap_err();
    assert_eq!(file.read_bytes(9).await.unwrap(), "");
}

#[tokio::test]
async fn layers_of_ones_own_see_every_read_by_position() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let (_directory, path) = holding("0123456789");
    let seen = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&seen);
    let counting = tower::util::MapRequestLayer::new(move |request: seawall_fs::FsRequest| {
        counter.fetch_add(1, Ordering::Relaxed);
        request
    });
    let file = client().layer(counting).open(&path, OpenOptions::reading()).await.unwrap();
    for offset in 0..100 {
        file.read_at(offset, 2).await.unwrap();
    }
    assert_eq!(seen.load(Ordering::Relaxed), 101);
}

/// Counts the calls that were told of.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Observer for Calls {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        if let Event::Completed { outcome, .. } = event {
            assert_eq!(
                format!("{}/{}/{}", origin.pipeline, origin.strategy, origin.target),
                "fs/pipeline/local"
            );
            assert_eq!(*outcome, Outcome::Success);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn every_question_is_told_of_once_whoever_answers_it() {
    let (_directory, path) = holding("content");
    let calls = Arc::new(Calls::default());
    let fs = Fs::new(&FsConfig::default(), Arc::<Calls>::clone(&calls)).unwrap();
    let file = fs.open(&path, OpenOptions::reading()).await.unwrap();
    let before = calls.0.load(Ordering::Relaxed);
    for _ in 0..20 {
        assert_eq!(file.read_at(1, 3).await.unwrap(), "ont");
        assert_eq!(fs.read(&path, 9).await.unwrap(), "content");
        assert_eq!(fs.len(&path).await.unwrap(), 7);
    }
    assert_eq!(calls.0.load(Ordering::Relaxed) - before, 60);
}
