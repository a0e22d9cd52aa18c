//! Files and directories that go by themselves.

use std::fs;
use std::io::{self, SeekFrom};
use std::path::Path;

use seawall_core::FailureKind;
use seawall_fs::TemporaryOptions;

use crate::operations::cause;
use crate::{client, drop_after, one_at_a_time};

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// Waits until something that goes in the background has gone.
async fn goes(path: &Path) {
    while path.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_file_without_a_name_is_written_and_read_and_never_seen() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryOptions::beside(directory.path());
    let mut file = client().temporary_file(&options).await.unwrap();
    file.write_bytes("hello").await.unwrap();
    file.seek(SeekFrom::Start(0)).await.unwrap();
    assert_eq!(file.read_all(9).await.unwrap(), "hello");
    assert_eq!(entries(directory.path()), 0);
    let missing = TemporaryOptions::beside(directory.path().join("missing"));
    assert_eq!(cause(&client().temporary_file(&missing).await.unwrap_err()), io::ErrorKind::NotFound);
    client().temporary_file(&TemporaryOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_file_with_a_name_goes_when_dropped_and_says_so_when_closed() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryOptions {
        prefix: "begin-".into(),
        suffix: "-end".into(),
        ..TemporaryOptions::beside(directory.path())
    };
    let fs = client();
    let mut dropped = fs.named_temporary_file(&options).await.unwrap();
    let path = dropped.path().to_owned();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("begin-") && name.ends_with("-end"), "{name}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    dropped.write_bytes("x").await.unwrap();
    dropped.flush().await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"x");
    drop(dropped);
    goes(&path).await;

    let mut closed = fs.named_temporary_file(&options).await.unwrap();
    closed.write_bytes("never read").await.unwrap();
    closed.close().await.unwrap();
    assert_eq!(entries(directory.path()), 0);
    let gone = fs.named_temporary_file(&options).await.unwrap();
    fs::remove_file(gone.path()).unwrap();
    assert_eq!(cause(&gone.close().await.unwrap_err()), io::ErrorKind::NotFound);
    assert_eq!(fs.losses().bytes, 0);
}

#[tokio::test]
async fn a_temporary_file_is_kept_or_gets_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryOptions::beside(directory.path());
    let fs = client();
    let (mut file, path) = fs.named_temporary_file(&options).await.unwrap().keep().unwrap();
    file.write_bytes("kept").await.unwrap();
    file.close().await.unwrap();
    assert_eq!(fs::read(path).unwrap(), b"kept");

    let mut named = fs.named_temporary_file(&options).await.unwrap();
    named.write_bytes("renamed").await.unwrap();
    named.persist(directory.path().join("to")).await.unwrap();
    assert_eq!(fs::read(directory.path().join("to")).unwrap(), b"renamed");
    assert_eq!(entries(directory.path()), 2);

    let named = fs.named_temporary_file(&options).await.unwrap();
    let path = named.path().to_owned();
    named.persist(directory.path().join("missing/to")).await.unwrap_err();
    goes(&path).await;
}

#[tokio::test]
async fn a_directory_goes_with_all_that_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryOptions::beside(directory.path());
    let fs = client();
    let dropped = fs.temporary_dir(&options).await.unwrap();
    let path = dropped.path().to_owned();
    fs.create_dir_all(path.join("a/b")).await.unwrap();
    fs::write(path.join("a/b/file"), "x").unwrap();
    drop(dropped);
    goes(&path).await;

    let closed = fs.temporary_dir(&options).await.unwrap();
    fs::write(closed.path().join("file"), "x").unwrap();
    closed.close().await.unwrap();
    assert_eq!(entries(directory.path()), 0);
    let gone = fs.temporary_dir(&options).await.unwrap();
    fs::remove_dir(gone.path()).unwrap();
    assert_eq!(cause(&gone.close().await.unwrap_err()), io::ErrorKind::NotFound);
    let kept = fs.temporary_dir(&options).await.unwrap().keep();
    assert!(kept.is_dir());
}

#[tokio::test]
async fn what_is_made_for_a_caller_who_has_gone_goes_too() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryOptions::beside(directory.path());
    for polls in 0..4 {
        let fs = one_at_a_time();
        drop_after(polls, fs.named_temporary_file(&options)).await;
        drop_after(polls, fs.temporary_dir(&options)).await;
        if let Ok(file) = fs.named_temporary_file(&options).await {
            drop_after(polls, file.close()).await;
        }
        while entries(directory.path()) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_spooled_file_stays_in_memory_until_it_is_too_large_for_that() {
    let directory = tempfile::tempdir().unwrap();
    let fs = client();
    let mut file = fs.spooled_file(16, TemporaryOptions::beside(directory.path()));
    file.write_bytes("line one\r\ntwo\n").await.unwrap();
    assert_eq!((file.is_rolled_over(), file.position()), (false, 14));
    assert_eq!(file.read_bytes(9).await.unwrap(), "");
    file.seek(SeekFrom::Start(0)).await.unwrap();
    assert!(file.next_line(7).await.is_err());
    assert_eq!(file.next_line(8).await.unwrap().unwrap(), "line one");
    assert!(file.read_all(3).await.is_err());
    assert_eq!(file.read_all(4).await.unwrap(), "two\n");
    assert_eq!(file.next_line(8).await.unwrap(), None);
    assert_eq!(file.seek(SeekFrom::End(-4)).await.unwrap(), 10);
    assert_eq!(file.seek(SeekFrom::Current(-100)).await.unwrap_err().kind(), FailureKind::Permanent);

    // Behind the end there are zeros, as in a file.
    file.set_len(0).await.unwrap();
    file.seek(SeekFrom::Start(2)).await.unwrap();
    file.write_bytes("abc").await.unwrap();
    assert!(!file.is_rolled_over());
    file.write_bytes("0123456789ab").await.unwrap();
    assert!(file.is_rolled_over());
    assert_eq!(file.position(), 17);
    file.seek(SeekFrom::Start(0)).await.unwrap();
    assert_eq!(file.read_bytes(5).await.unwrap(), b"\0\0abc"[..]);
    assert_eq!(file.next_line(99).await.unwrap().unwrap(), "0123456789ab");
    file.flush().await.unwrap();
    assert_eq!(entries(directory.path()), 0);

    let mut far = fs.spooled_file(16, TemporaryOptions::beside(directory.path()));
    far.seek(SeekFrom::Start(1 << 40)).await.unwrap();
    far.write_bytes("x").await.unwrap();
    assert!(far.is_rolled_over());
    assert_eq!(far.roll_over().await.unwrap().metadata().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_spooled_file_that_cannot_go_to_the_disk_keeps_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryOptions::beside(directory.path().join("missing"));
    let mut file = client().spooled_file(4, options);
    file.write_bytes("1234").await.unwrap();
    assert_eq!(cause(&file.write_bytes("5").await.unwrap_err()), io::ErrorKind::NotFound);
    fs::create_dir(directory.path().join("missing")).unwrap();
    for polls in 0..4 {
        drop_after(polls, file.roll_over()).await;
    }
    file.write_bytes("5").await.unwrap();
    file.seek(SeekFrom::Start(0)).await.unwrap();
    assert_eq!(file.read_all(9).await.unwrap(), "12345");
}
