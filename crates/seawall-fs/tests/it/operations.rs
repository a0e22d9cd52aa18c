use std::error::Error as _;
use std::io;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind};
use seawall_fs::EntryKind;

use crate::client;

pub(crate) fn cause(error: &Error) -> io::ErrorKind {
    error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind()
}

#[tokio::test]
async fn a_file_is_read_as_a_whole_up_to_its_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "hello").unwrap();
    assert_eq!(client().read(&path, 5).await.unwrap(), "hello");
    let error = client().read(&path, 4).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(
        error.to_string().ends_with("larger than the 4 bytes allowed: raise the limit or stream it"),
        "{error}"
    );
}

#[tokio::test]
async fn text_is_read_as_such_and_what_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "caf\u{e9}").unwrap();
    assert_eq!(client().read_text(&path, 5).await.unwrap(), "caf\u{e9}");
    std::fs::write(&path, b"caf\xe9").unwrap();
    let error = client().read_text(&path, 5).await.unwrap_err();
    assert_eq!((error.kind(), error.name()), (FailureKind::Permanent, &*format!("read {}", path.display())));
    assert!(error.to_string().contains("not UTF-8 text"), "{error}");
}

#[tokio::test]
async fn blocking_work_of_ones_own_is_done_once_and_its_errors_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let fs = client();
    assert!(fs.run(directory.path(), |path| Ok(path.is_dir())).await.unwrap());
    let error = fs.run("/a/place", |_| Err::<(), _>(io::ErrorKind::Interrupted.into())).await.unwrap_err();
    assert_eq!((error.kind(), error.name(), error.attempts()), (FailureKind::Transient, "run /a/place", 1));
}

#[tokio::test]
async fn an_empty_file_and_a_limit_without_end_are_no_special_cases() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "").unwrap();
    assert_eq!(client().read(&path, 0).await.unwrap(), "");
    assert_eq!(client().read(&path, u64::MAX).await.unwrap(), "");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_does_not_know_its_length_is_read_to_its_end_and_an_endless_one_to_its_limit() {
    let status = client().read("/proc/self/status", 1 << 20).await.unwrap();
    assert!(status.starts_with(b"Name:"));
    let error = client().read("/dev/zero", 1 << 20).await.unwrap_err();
    assert!(error.to_string().contains("larger than the 1048576 bytes allowed"), "{error}");
}

#[tokio::test]
async fn what_is_missing_is_a_permanent_error_that_names_operation_path_and_cause() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nowhere");
    let error = client().read(&path, 9).await.unwrap_err();
    assert_eq!((error.kind(), error.layer()), (FailureKind::Permanent, "fs"));
    assert_eq!(error.name(), format!("read {}", path.display()));
    assert_eq!(cause(&error), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_directory_is_not_read_as_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = client().read(directory.path(), 9).await.unwrap_err();
    assert!(error.to_string().contains("is a directory where a file is needed"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_device_that_cannot_read_is_a_permanent_error() {
    // The first page of a process is never mapped, and reading it is an input/output error.
    let error = client().read("/proc/self/mem", 9).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert!(error.to_string().contains("look at its health"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_refused_instead_of_blocking_a_thread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    for error in [client().read(&path, 9).await.unwrap_err(), client().append(&path).await.unwrap_err()] {
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.to_string().contains("a pipe or socket"), "{error}");
    }
}

#[tokio::test]
async fn existence_and_metadata_follow_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let fs = client();
    assert!(!fs.exists(&path).await.unwrap());
    std::fs::write(&path, "hello").unwrap();
    assert!(fs.exists(&path).await.unwrap());
    assert_eq!(fs.metadata(&path).await.unwrap().len(), 5);
    let error = fs.exists(path.join("below")).await.unwrap_err();
    assert_eq!(cause(&error), io::ErrorKind::NotADirectory);
}

#[tokio::test]
async fn what_was_removed_is_gone_and_cannot_be_removed_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "hello").unwrap();
    client().remove(&path).await.unwrap();
    assert!(!path.exists());
    assert_eq!(cause(&client().remove(&path).await.unwrap_err()), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn directories_are_made_with_those_above_them_and_listed_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let fs = client();
    fs.create_dir_all(directory.path().join("b/c")).await.unwrap();
    fs.create_dir_all(directory.path().join("b/c")).await.unwrap();
    std::fs::write(directory.path().join("a"), "").unwrap();
    let listed: Vec<_> = fs.list(directory.path(), 2).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|entry| (entry.name.to_str().unwrap(), entry.kind)).collect();
    assert_eq!(listed, [("a", EntryKind::File), ("b", EntryKind::Directory)]);

    let error = fs.list(directory.path(), 1).await.unwrap_err();
    assert!(error.to_string().contains("more than the 1 entries allowed"), "{error}");
    let error = fs.create_dir_all(directory.path().join("a/b")).await.unwrap_err();
    assert_eq!(cause(&error), io::ErrorKind::NotADirectory);
}

#[tokio::test]
async fn an_operation_whose_deadline_has_passed_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let late = CallContext::default().within(Duration::ZERO, tokio::time::Instant::now().into_std());
    let error = late.scope(client().write_atomic(&path, "late")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused);
    assert!(!error.may_have_executed());
    assert!(!path.exists());
}
